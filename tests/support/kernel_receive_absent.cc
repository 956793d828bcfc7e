// The kernel's part in a build without it.

#include "absl/status/status.h"
#include "tests/support/kernel_receive.h"

namespace tapswitch {

absl::StatusOr<KernelReceive> KernelReceive::Load(KernelForwarding& /*kernel*/) {
  return absl::UnimplementedError("this build has no programs for the kernel");
}

KernelReceipt KernelReceive::Run(const FileDescriptor& /*program*/, uint32_t /*ifindex*/,
                                 std::span<const std::byte> /*frame*/, uint32_t /*gso_size*/) {
  return {};
}

}  // namespace tapswitch
