#include "ports/interface/veth/veth_pair.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "ports/netlink/link_settings.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

absl::Status Annotate(const absl::Status& error, const VethOptions& options) {
  const std::string_view cure = absl::IsPermissionDenied(error)
                                    ? ": run as root (CAP_NET_ADMIN, and CAP_SYS_ADMIN for netns=)"
                                    : "";
  return {error.code(),
          fmt::format("port '{}': {}{}", options.name, std::string(error.message()), cure)};
}

absl::Status InTheWay(std::string_view name, std::string_view where) {
  return absl::AlreadyExistsError(fmt::format(
      "there is an interface '{}' in {}, which is not the other end of a pair: delete it, or give "
      "the port another name",
      name, where));
}

// The ends of the pair, where they are.
struct Ends {
  std::optional<LinkState> own;
  std::optional<LinkState> stations;
};

absl::StatusOr<Ends> FindEnds(const VethOptions& options, const NetworkNamespace& home,
                              const NetworkNamespace& away) {
  auto own = FindLink(home, options.name);
  if (!own.ok()) return own.status();
  auto stations = FindLink(away, options.name);
  if (!stations.ok()) return stations.status();
  return Ends{.own = *std::move(own), .stations = *std::move(stations)};
}

bool ArePair(const Ends& ends) {
  return ends.own && ends.stations && ends.own->kind == "veth" && ends.stations->kind == "veth" &&
         ends.own->peer_ifindex == ends.stations->ifindex &&
         ends.stations->peer_ifindex == ends.own->ifindex;
}

absl::Status SetUp(const VethOptions& options, const NetworkNamespace& home,
                   const NetworkNamespace& away, const Ends& ends) {
  const auto differing = [&](const LinkState& now, bool up) {
    LinkChange change;
    if (options.mtu && *options.mtu != now.mtu) change.mtu = options.mtu;
    if (options.txqueuelen && *options.txqueuelen != now.txqueuelen) {
      change.txqueuelen = options.txqueuelen;
    }
    if (up && !now.up) change.up = true;
    return change;
  };
  const LinkChange station = differing(*ends.stations, options.up);
  const LinkChange own = differing(*ends.own, true);
  absl::Status changed;
  if (station != LinkChange()) changed = ChangeLink(away, ends.stations->ifindex, station);
  // Before it is up, as addresses are made then.
  StopIpv6Addresses(home, ends.own->ifindex);
  if (changed.ok() && own != LinkChange()) changed = ChangeLink(home, ends.own->ifindex, own);
  return changed;
}

}  // namespace

absl::StatusOr<std::shared_ptr<VethPair>> VethPair::Make(const VethOptions& options) {
  auto home = NetworkNamespace::Current();
  if (!home.ok()) return Annotate(home.status(), options);
  const auto away = NetworkNamespace::Open(options.netns);
  if (!away.ok()) return Annotate(away.status(), options);
  if (away->id() == home->id()) {
    return Annotate(absl::InvalidArgumentError(fmt::format(
                        "netns={} is where the switch runs: both ends would have one name there: "
                        "for the host itself use tap:{}",
                        options.netns, options.name)),
                    options);
  }
  auto ends = FindEnds(options, *home, *away);
  if (!ends.ok()) return Annotate(ends.status(), options);
  const bool is_new = !ArePair(*ends);
  if (is_new) {
    if (ends->own) return Annotate(InTheWay(options.name, "the switch's namespace"), options);
    if (ends->stations) return Annotate(InTheWay(options.name, options.netns), options);
    absl::Status made = AddVethPair(*home, *away, options.name);
    if (made.ok()) {
      ends = FindEnds(options, *home, *away);
      made = ends.status();
    }
    if (made.ok() && !ArePair(*ends))
      made = absl::AbortedError("it has just disappeared: try again");
    if (!made.ok()) return Annotate(made, options);
  }
  std::shared_ptr<VethPair> pair(new VethPair(options, *std::move(home), ends->own->ifindex));
  const absl::Status set_up = SetUp(options, pair->home_, *away, *ends);
  if (set_up.ok()) return pair;
  if (!is_new) pair->options_.persist = true;  // it was not made here
  return Annotate(set_up, options);
}

absl::StatusOr<std::shared_ptr<VethPair>> VethPair::Inherit(const VethOptions& options,
                                                            int ifindex) {
  auto home = NetworkNamespace::Current();
  if (!home.ok()) return Annotate(home.status(), options);
  return std::shared_ptr<VethPair>(new VethPair(options, *std::move(home), ifindex));
}

VethPair::~VethPair() {
  if (options_.persist) return;
  // With one end goes the other. It may have gone already, with the station's namespace.
  static_cast<void>(DeleteLink(home_, ifindex_));
}

void VethPair::Describe(LinkMonitor& monitor, LinkEvent& link) const {
  link.station = {};
  if (link.removed || link.ifindex != ifindex_) return;
  const auto away = NetworkNamespace::Open(options_.netns);
  if (!away.ok()) return;
  const auto netns = monitor.Watch(*away);
  if (!netns.ok()) return;
  const auto found = monitor.Find(*netns, link.peer_ifindex);
  if (!found.ok() || found->peer_ifindex != ifindex_) return;
  link.station = StationOf(*found);
}

}  // namespace tapswitch
