// Handing an attached interface over to another process, and taking it over.

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/netdev/netdev_device.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::StatusOr<std::unique_ptr<NetdevDevice>> NetdevDevice::Inherit(const NetdevOptions& options,
                                                                    PortHandover& inherited,
                                                                    size_t queues,
                                                                    KernelAccess kernel) {
  const auto annotate = [&](const absl::Status& error) {
    return absl::Status(error.code(),
                        fmt::format("port '{}': {}", options.name, std::string(error.message())));
  };
  if (inherited.has(PortHandover::QueueName(queues)) ||
      !inherited.has(PortHandover::QueueName(queues - 1))) {
    return annotate(
        absl::FailedPreconditionError("it has not as many queues as there are workers: start the "
                                      "new process with the same --workers"));
  }
  auto netns =
      NetworkNamespace::FromFile(inherited.Take("netns"), "the namespace that was handed over");
  if (!netns.ok()) return annotate(netns.status());
  std::unique_ptr<NetdevDevice> device(
      new NetdevDevice(options, *std::move(netns), queues, kernel));
  if (absl::Status taken = device->TakeOver(inherited); !taken.ok()) return annotate(taken);
  return device;
}

absl::Status NetdevDevice::TakeOver(PortHandover& inherited) {
  const auto ifindex = static_cast<int>(inherited.number("ifindex"));
  auto claim = InterfaceClaim::Inherit(*netns_, ifindex, options_.name);
  if (!claim.ok()) return claim.status();
  claim_ = *std::move(claim);
  std::vector<FileDescriptor> sockets;
  for (size_t i = 0; i < queues_; ++i) {
    sockets.push_back(inherited.Take(PortHandover::QueueName(i)));
  }
  kernel_.Inherit(inherited, ifindex, sockets);
  was_taken_over_ = !kernel_.filters() && !options_.shared_with_host;
  if (absl::Status kept = KeepSockets(std::move(sockets)); !kept.ok()) return kept;
  auto exclusion = HostExclusion::Inherit(*netns_, ifindex, inherited);
  if (!exclusion.ok()) return exclusion.status();
  exclusion_ = *std::move(exclusion);
  auto segmentation = PeerSegmentationOff::Inherit(*netns_, ifindex, inherited);
  if (!segmentation.ok()) return segmentation.status();
  peer_segmentation_off_ = *std::move(segmentation);
  ifindex_ = ifindex;
  was_there_ = true;
  in_group_ = inherited.number("in_group") != 0;
  group_is_due_ = inherited.number("group_is_due") != 0;
  return absl::OkStatus();
}

absl::Status NetdevDevice::HandOver(PortHandover& to) const {
  if (switchover_ != nullptr && !switchover_->is_complete()) {
    return absl::FailedPreconditionError("its interface is about to leave a bridge: try again");
  }
  if (ifindex_ == 0) return absl::OkStatus();
  bool is_copied = to.AddCopy("netns", netns_->fd());
  for (size_t i = 0; i < sockets_.size(); ++i) {
    is_copied = is_copied && to.AddCopy(PortHandover::QueueName(i), sockets_[i].get());
  }
  if (exclusion_ != nullptr) is_copied = is_copied && exclusion_->HandOver(to);
  if (peer_segmentation_off_ != nullptr) {
    is_copied = is_copied && peer_segmentation_off_->HandOver(to);
  }
  if (!is_copied) return absl::ErrnoToStatus(errno, "dup of an open file");
  to.numbers["ifindex"] = static_cast<uint64_t>(ifindex_);
  to.numbers["in_group"] = in_group_ ? 1 : 0;
  to.numbers["group_is_due"] = group_is_due_ ? 1 : 0;
  kernel_.HandOver(to);
  return absl::OkStatus();
}

}  // namespace tapswitch
