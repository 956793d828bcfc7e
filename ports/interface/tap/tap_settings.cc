#include "ports/interface/tap/tap_settings.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/interface/tap/tap_location.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/random_address.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// Claims interface `ifindex`; nothing happens if `claim` is of that already.
absl::Status ClaimAt(const NetworkNamespace& netns, int ifindex, std::string_view port,
                     InterfaceClaim& claim) {
  if (claim.IsOf(netns.id(), ifindex)) return absl::OkStatus();
  auto taken = InterfaceClaim::Take(netns, ifindex, port);
  if (!taken.ok()) return taken.status();
  claim = *std::move(taken);
  return absl::OkStatus();
}

// tap_device.h says why it does.
bool NeedsAddress(const AttachedTap& tap, const TapOptions& options,
                  const NetworkNamespace* move_to) {
  return tap.created && move_to != nullptr && !options.is_layer3;
}

// What has to change so that the interface is as wanted. Nothing that is so already: without
// CAP_NET_ADMIN a TAP made beforehand can be used as it is.
LinkChange Difference(const AttachedTap& tap, const TapOptions& options, const LinkState& present,
                      const NetworkNamespace* move_to) {
  LinkChange change;
  if (NeedsAddress(tap, options, move_to)) change.address = RandomAddress();
  if (options.mtu && *options.mtu != present.mtu) change.mtu = options.mtu;
  if (options.txqueuelen && *options.txqueuelen != present.txqueuelen) {
    change.txqueuelen = options.txqueuelen;
  }
  if (options.name != present.name) change.name = options.name;
  change.netns = move_to;
  if (options.up && (!present.up || move_to != nullptr)) change.up = true;
  return change;
}

std::string Describe(const LinkChange& change, const TapOptions& options) {
  std::vector<std::string> parts;
  if (change.netns != nullptr) parts.push_back(fmt::format("move it to netns {}", options.netns));
  if (change.mtu) parts.push_back(fmt::format("set mtu {}", *change.mtu));
  if (change.txqueuelen) parts.push_back(fmt::format("set txqueuelen {}", *change.txqueuelen));
  if (change.up) parts.emplace_back("bring it up");
  return fmt::format("{}", fmt::join(parts, ", "));
}

// Puts a TAP that was made beforehand back as it was, as far as it can be done.
void Restore(int fd, const LinkState& before, const NetworkNamespace& home) {
  const auto location = LocateTap(fd);
  if (!location.ok()) return;
  const auto now = FindLink(location->netns, location->name);
  if (!now.ok() || !*now) return;
  const LinkChange back{.mtu = before.mtu,
                        .txqueuelen = before.txqueuelen,
                        .up = before.up,
                        .name = before.name,
                        .netns = location->netns.id() == home.id() ? nullptr : &home};
  static_cast<void>(ChangeLink(location->netns, (*now)->ifindex, back));
}

// A TAP with several queues is a device with 256 of them for the kernel, and its default queueing
// discipline has three rings of txqueuelen for each: 6.6 MiB. The TAP has a ring of its own behind
// that, which is all that it needs.
absl::Status BringUpWithoutQueueing(const NetworkNamespace& netns, const std::string& name) {
  const auto link = FindLink(netns, name);
  if (!link.ok()) return link.status();
  if (!*link) return absl::NotFoundError("the interface has just disappeared: try again");
  // Where there is no such discipline, it costs memory and nothing else.
  static_cast<void>(SendWithoutQueueing(netns, (*link)->ifindex));
  return ChangeLink(netns, (*link)->ifindex, {.up = true});
}

absl::Status Apply(const AttachedTap& tap, const LinkState& before, LinkChange change,
                   const TapOptions& options, const NetworkNamespace& target) {
  const bool comes_up_apart = tap.created && !tap.more_queues.empty() && change.up;
  if (comes_up_apart) change.up.reset();
  if (change != LinkChange()) {
    absl::Status changed = ChangeLink(*tap.netns, before.ifindex, change);
    if (!changed.ok() || !comes_up_apart) return changed;
  }
  return BringUpWithoutQueueing(target, options.name);
}

// Brings the interface to the wanted place and state.
absl::Status BringInPlace(AttachedTap& tap, const TapOptions& options,
                          const NetworkNamespace& target) {
  const auto identity = IdentifyTap(tap.file.get());
  if (!identity.ok()) return identity.status();
  const auto present = FindLink(*tap.netns, identity->name);
  if (!present.ok()) return present.status();
  if (!*present) return absl::NotFoundError("the interface has just disappeared: try again");
  const LinkState& before = **present;
  // Before it comes up, and others may take it for theirs.
  absl::Status claimed = ClaimAt(*tap.netns, before.ifindex, options.name, tap.claim);
  if (!claimed.ok()) return DescribeClaimOfOthers(before.name, claimed);

  const LinkChange change =
      Difference(tap, options, before, tap.netns->id() == target.id() ? nullptr : &target);
  if (change == LinkChange()) return absl::OkStatus();
  absl::Status changed = Apply(tap, before, change, options, target);
  if (changed.ok()) return changed;
  if (!tap.created) Restore(tap.file.get(), before, *tap.netns);
  const std::string_view cure =
      absl::IsPermissionDenied(changed)
          ? ": run as root (CAP_NET_ADMIN), or set it so beforehand with ip link"
          : "";
  return {changed.code(), fmt::format("cannot {}: {}{}", Describe(change, options),
                                      std::string(changed.message()), cure)};
}

// It may have another index where it was moved to.
absl::Status ClaimWhereItIs(AttachedTap& tap, const TapOptions& options) {
  const auto location = LocateTap(tap.file.get());
  if (!location.ok()) return location.status();
  const auto link = FindLink(location->netns, location->name);
  if (!link.ok()) return link.status();
  if (!*link) return absl::OkStatus();  // it was moved or renamed in this very moment
  const absl::Status claimed = ClaimAt(location->netns, (*link)->ifindex, options.name, tap.claim);
  return claimed.ok() ? claimed : DescribeClaimOfOthers(location->name, claimed);
}

}  // namespace

absl::Status SettleTap(AttachedTap& tap, const TapOptions& options,
                       const NetworkNamespace& target) {
  if (absl::Status settled = BringInPlace(tap, options, target); !settled.ok()) return settled;
  return ClaimWhereItIs(tap, options);
}

}  // namespace tapswitch
