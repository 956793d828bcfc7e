// One interface, one owner: whoever makes an interface a port claims it first.
//
// An interface is known by its network namespace (device and inode of the nsfs file) and its index,
// so that other names of it, and names it gets later, lead to the same claim. Claims hold among the
// ports of this process, and among all processes that share the runtime folder (runtime_locks.h);
// they go with the process, however it ends. A switch that has another runtime folder, as one in a
// container may, is known by the program with which it keeps the host out (tcx_link.h), if it does.

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "ports/os/netns.h"

namespace tapswitch {

// The claim of a port on an interface. It ends with this object, which any thread may destroy.
class InterfaceClaim {
 public:
  InterfaceClaim() = default;  // claims nothing

  // Claims interface `ifindex` of `netns` for port `port`. AlreadyExists when it has an owner; the
  // message is who that is, as "port 'p1' of this switch". Where there is no folder for locks, the
  // log says so, and the claim holds within this process. Does not wait. Thread-safe.
  [[nodiscard]] static absl::StatusOr<InterfaceClaim> Take(const NetworkNamespace& netns,
                                                           int ifindex, std::string_view port);

  // Claims the interface as Take does, in place of a process that hands it over and has its program
  // there.
  [[nodiscard]] static absl::StatusOr<InterfaceClaim> Inherit(const NetworkNamespace& netns,
                                                              int ifindex, std::string_view port);

  // How long a process that is ending may take to let its interfaces go.
  static constexpr std::chrono::milliseconds kPatience{1000};

  // Claims the interface as Take does, but waits up to kPatience for an owner in another process to
  // go.
  [[nodiscard]] static absl::StatusOr<InterfaceClaim> TakePatiently(const NetworkNamespace& netns,
                                                                    int ifindex,
                                                                    std::string_view port);

  // Returns the present owner of the interface as in the message of Take; nothing when there is
  // none.
  [[nodiscard]] static std::optional<std::string> OwnerOf(const NetworkNamespace& netns,
                                                          int ifindex);

  // Whether a switch in another process has claimed the interface.
  [[nodiscard]] static bool IsAnothers(const NetworkNamespace& netns, int ifindex);

  // Whether it is of this interface.
  [[nodiscard]] bool IsOf(NetnsId netns, int ifindex) const;
  [[nodiscard]] bool held() const { return hold_ != nullptr; }

 private:
  class Hold;
  explicit InterfaceClaim(std::shared_ptr<Hold> hold) : hold_(std::move(hold)) {}

  std::shared_ptr<Hold> hold_;
};

}  // namespace tapswitch
