// A filter at the ingress of an interface that drops every frame, for kernels and users without
// TCX: classic BPF on the clsact queueing discipline (tc-bpf(8)), which takes no more than
// CAP_NET_ADMIN. Or a program in its place that lets those pass which the kernel is to carry.

#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"
#include "ports/os/runtime_locks.h"

namespace tapswitch {

// By it the filter is known; the kernel counts its own handles up from 1.
inline constexpr uint32_t kClsactFilterHandle = 0x74617073;  // "taps"

class ClsactFilter {
 public:
  // On interface `ifindex` in `netns`; one that a killed switch has left there is taken over.
  // Unavailable when another switch has one there, which a lock says that others cannot take
  // (runtime_locks.h). `program` takes the place of the filter's own, and may be closed afterwards;
  // null: there is none.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ClsactFilter>> Add(
      const NetworkNamespace& netns, int ifindex, const FileDescriptor* program = nullptr);

  // Takes over the filter of a process that does not remove it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ClsactFilter>> Inherit(
      const NetworkNamespace& netns, int ifindex, bool made_discipline);
  // Whether the queueing discipline came with it.
  [[nodiscard]] bool made_discipline() const { return made_discipline_; }

  // Remove filters whose owner does not live any more, and which nobody leases; or also such, for
  // who keeps the host out otherwise. Without permission they stay.
  enum class Leased : uint8_t { kStay, kGo };
  static void RemoveAbandoned(const NetworkNamespace& netns, int ifindex,
                              Leased leased = Leased::kStay);
  static void RemoveAllAbandoned(const NetworkNamespace& netns);

  // Removes the filter, and the queueing discipline if that came with it and serves nobody else.
  ~ClsactFilter();
  ClsactFilter(const ClsactFilter&) = delete;
  ClsactFilter& operator=(const ClsactFilter&) = delete;

 private:
  ClsactFilter(NetworkNamespace netns, int ifindex, RuntimeLock lock, bool made_discipline);

  NetworkNamespace netns_;
  int ifindex_;
  RuntimeLock lock_;  // says that the owner lives
  bool made_discipline_;
};

}  // namespace tapswitch
