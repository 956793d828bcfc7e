#include "ports/interface/tap/tap_port.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/interface_claim.h"
#include "ports/interface/link_answer.h"
#include "ports/interface/tap/tap_device.h"
#include "ports/interface/tap/tap_kernel_path.h"
#include "ports/interface/tap/tap_location.h"
#include "ports/os/netns.h"
#include "ports/os/netns_name.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// What is asked of a TAP that is a port.
class TapQuery {
 public:
  TapQuery(const TapOptions& options, TapDevice& device, LinkMonitor& monitor, KernelAccess kernel,
           PortHandover* inherited)
      : name_(options.name),
        netns_(options.netns),
        fd_(device.file.get()),
        claim_(std::move(device.claim)),
        monitor_(monitor),
        kernel_(kernel, device.offloads, inherited) {}

  absl::StatusOr<LinkEvent> operator()() {
    if (!gone_.ok()) return gone_;
    auto link = Ask();
    if (link.ok()) {
      home_ = link->netns;
      kernel_.Follow(*link);
    } else if (absl::IsNotFound(link.status())) {
      claim_ = {};
      kernel_.Leave();
      gone_ = WhyGone(link.status());
      return gone_;
    }
    return link;
  }

  // The station sees it as it sees a cable that is pulled.
  [[nodiscard]] absl::Status SetCarrier(bool is_on) const {
    if (!gone_.ok()) return gone_;
    int carrier = is_on ? 1 : 0;
    if (ioctl(fd_, TUNSETCARRIER, &carrier) == 0) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, "TUNSETCARRIER");
  }

  [[nodiscard]] const TapKernelPath& kernel() const { return kernel_; }

 private:
  absl::StatusOr<LinkEvent> Ask() {
    // Between the questions it may be moved or renamed; hardly ever more than once.
    constexpr int kAttempts = 3;
    for (int i = 0; i < kAttempts; ++i) {
      const auto location = LocateTap(fd_);
      if (!location.ok()) return location.status();
      const auto netns = monitor_.Watch(location->netns);
      if (!netns.ok()) return netns.status();
      auto link = monitor_.Find(*netns, location->name);
      if (!link.ok()) continue;
      Follow(*location, link->ifindex);
      return link;
    }
    return absl::UnavailableError("it is not where the kernel says it is");
  }

  // The TAP is ours, wherever it was moved to; that others are faster to claim it is but said.
  void Follow(const TapLocation& location, int ifindex) {
    if (claim_.IsOf(location.netns.id(), ifindex)) return;
    auto claim = InterfaceClaim::Take(location.netns, ifindex, name_);
    if (!claim.ok()) {
      return spdlog::warn("port {}: its TAP, where it was moved to, is also used by {}", name_,
                          std::string(claim.status().message()));
    }
    claim_ = *std::move(claim);
  }

  [[nodiscard]] absl::Status WhyGone(const absl::Status& deleted) const {
    const bool went_with_netns =
        !netns_.empty() && home_ && WhereLeads(netns_, *home_) != NetnsLead::kSame;
    if (!went_with_netns) return deleted;
    return absl::AbortedError(fmt::format(
        "device was deleted, as network namespace '{}' was deleted; it is made again when "
        "that returns",
        netns_));
  }

  std::string name_;
  std::string netns_;  // as the user named it
  int fd_;
  InterfaceClaim claim_;
  LinkMonitor& monitor_;
  TapKernelPath kernel_;
  std::optional<NetnsId> home_;  // where it was last
  absl::Status gone_;  // for good, and the port may have closed the file: what was answered
};

}  // namespace

TapPort::TapPort(PortIdentity identity, FileDescriptor file, OffloadSet accepted, LinkQuery query,
                 QueueRole role, std::shared_ptr<std::atomic_flag> told_unsupported,
                 std::function<void()> refresh, std::function<void(std::shared_ptr<void>)> discard,
                 Framing framing)
    : InterfacePort(std::move(identity),
                    {.file = std::move(file),
                     .kind = FileKind::kFrames,
                     .accepted = accepted,
                     .link = {.role = role, .query = std::move(query), .refresh = refresh},
                     .discard = std::move(discard),
                     .told_unsupported = std::move(told_unsupported),
                     .framing = framing}),
      refresh_(std::move(refresh)) {}

void TapPort::set_kernel_path(KernelForwarding* kernel, std::shared_ptr<KernelSeat> seat,
                              HandOverInterface hand_over) {
  kernel_ = kernel;
  seat_ = std::move(seat);
  hand_over_ = std::move(hand_over);
}

KernelPath TapPort::kernel_path() const {
  return {.is_interface = seat_ != nullptr, .is_own = true, .seat = seat_};
}

// It takes what is read before the program is at its interface, too.
void TapPort::OnSent() {
  if (!seat_) return;
  const uint64_t taken = frames_taken();
  const uint64_t done = taken - std::exchange(done_, taken);
  if (done != 0) seat_->DoneIfSeen(done);
  if (has_asked_ || !kernel_->has_carriers()) return;
  has_asked_ = true;
  if (!seat_->in_use() && refresh_) refresh_();
}

void TapPort::RefreshCounters() {
  if (seat_ && refresh_ && !seat_->is_empty()) refresh_();
}

std::unique_ptr<Port> TapPort::Share(const PortIdentity& identity) const {
  if (!can_be_shared()) return nullptr;
  FileDescriptor file(fcntl(fd(), F_DUPFD_CLOEXEC, 0));
  if (!file.valid()) return nullptr;
  auto share = make_share_(identity, std::move(file));
  if (share) static_cast<void>(share->Pause());
  return share;
}

// One whose device has been deleted is made again.
bool TapPort::HandOver(size_t queue, PortHandover& to) const {
  if (status().ifindex == 0) return true;
  to.numbers.insert_or_assign("offloads", status().accepted.bits);
  return to.AddCopy(PortHandover::QueueName(queue), fd());
}

absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenTapPort(
    std::span<const PortIdentity> identities, const TapOptions& options, LinkMonitor& monitor,
    const LinkSharing& share, KernelForwarding* kernel, PortHandover* inherited) {
  const bool is_inherited = inherited != nullptr && inherited->has(PortHandover::QueueName(0));
  auto device = is_inherited ? InheritTap(options, *inherited, identities.size())
                             : OpenTap(options, identities.size());
  if (!device.ok()) return device.status();
  const KernelAccess access{.kernel = options.is_layer3 ? nullptr : kernel,
                            .port = identities[0].id};
  const auto query = std::make_shared<TapQuery>(options, *device, monitor, access, inherited);
  const SharedLinkQueries queries = share(identities[0], [query] { return (*query)(); });
  const auto told_unsupported = std::make_shared<std::atomic_flag>();
  const Framing framing = options.is_layer3 ? Framing::kLayer3 : Framing::kEthernet;
  const std::shared_ptr<KernelSeat> seat = query->kernel().seat();
  auto first = std::make_unique<TapPort>(identities[0], std::move(device->file), device->offloads,
                                         queries.first, QueueRole::kFirst, told_unsupported,
                                         queries.refresh, queries.discard, framing);
  first->set_carrier_switch([query](bool is_on) { return query->SetCarrier(is_on); });
  first->set_kernel_path(access.kernel, seat,
                         [query](PortHandover& to) { return query->kernel().HandOver(to); });
  const TapPort::MakeShare make_follower = [queries, told_unsupported, framing, seat,
                                            kernel = access.kernel, offloads = device->offloads](
                                               PortIdentity identity, FileDescriptor file) {
    auto follower = std::make_unique<TapPort>(
        std::move(identity), std::move(file), offloads, queries.others, QueueRole::kFollower,
        told_unsupported, queries.refresh, queries.discard, framing);
    follower->set_kernel_path(kernel, seat, nullptr);
    return follower;
  };
  if (identities.size() == 1) first->set_make_share(make_follower);
  std::vector<std::unique_ptr<Port>> ports;
  ports.push_back(std::move(first));
  for (FileDescriptor& file : device->more_queues) {
    ports.push_back(make_follower(identities[ports.size()], std::move(file)));
  }
  return ports;
}

}  // namespace tapswitch
