// The kernel's part in forwarding, run on frames that a test makes (kernel_receive.bpf.c).

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

// The way that a frame has taken.
struct KernelReceipt {
  enum class Way : uint8_t { kToSwitch, kDropped, kCarried };

  Way way = Way::kToSwitch;
  // The rest has meaning for one that is carried.
  uint32_t egress_ifindex = 0;
  bool is_direct = false;  // by bpf_redirect_peer
  bool comes_in = false;   // by that interface, and does not leave by it
  std::vector<std::byte> bytes;
};

class KernelReceive {
 public:
  // The programs use the maps of `kernel`. Requires what KernelForwarding::Load does.
  [[nodiscard]] static absl::StatusOr<KernelReceive> Load(KernelForwarding& kernel);

  // A frame comes in by the interface, which exists in the network namespace of the calling thread,
  // or is `lo`. It is of at least 14 bytes, and 18 with a tag: the kernel drops others before.
  // `gso_size` is not 0 where it is to be cut. Errors fail the test.
  [[nodiscard]] KernelReceipt Receive(uint32_t ifindex, std::span<const std::byte> frame,
                                      uint32_t gso_size = 0) const {
    return Run(receive_, ifindex, frame, gso_size);
  }
  // Does so with one that the host sends by that interface, which is a TAP of the switch.
  [[nodiscard]] KernelReceipt Send(uint32_t ifindex, std::span<const std::byte> frame,
                                   uint32_t gso_size = 0) const {
    return Run(send_, ifindex, frame, gso_size);
  }

 private:
  KernelReceive(FileDescriptor receive, FileDescriptor send)
      : receive_(std::move(receive)), send_(std::move(send)) {}

  [[nodiscard]] static KernelReceipt Run(const FileDescriptor& program, uint32_t ifindex,
                                         std::span<const std::byte> frame, uint32_t gso_size);

  FileDescriptor receive_;
  FileDescriptor send_;
};

}  // namespace tapswitch
