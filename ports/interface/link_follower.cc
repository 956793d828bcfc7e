#include "ports/interface/link_follower.h"

#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// Whether an event tells what is known. It does not tell of the other end.
bool IsSame(LinkEvent event, const LinkEvent& known) {
  event.station = known.station;
  return event == known;
}

}  // namespace

LinkFollower::LinkFollower(const PortIdentity& identity, Traits traits, LinkSource source)
    : identity_(identity), traits_(traits), source_(std::move(source)) {
  status_.accepted = traits_.accepted;
}

absl::Status LinkFollower::Start() {
  auto link = source_.query();
  if (!link.ok()) return link.status();
  if (link->removed) {
    Await(*link);
  } else {
    link_ = *std::move(link);
  }
  return absl::OkStatus();
}

// The interface has not been there yet.
void LinkFollower::Await(const LinkEvent& link) {
  link_ = link;
  knowledge_ = Knowledge::kDeleted;
  is_awaited_ = true;
}

void LinkFollower::Refresh() const {
  if (source_.refresh) source_.refresh();
}

LinkFinding LinkFollower::Ask(const ReadHealth& reading) {
  auto link = source_.query();
  if (link.ok() && link->removed) {
    Await(*link);
    return LinkFinding::kDeleted;
  }
  if (link.ok()) {
    TakeLink(*std::move(link), reading);
    return LinkFinding::kThere;
  }
  const absl::Status& why = link.status();
  return absl::IsNotFound(why) || absl::IsAborted(why) ? TakeDeletion(why) : TakeIgnorance(why);
}

void LinkFollower::TakeLink(LinkEvent link, const ReadHealth& reading) {
  const bool was_there = knowledge_ == Knowledge::kThere;
  if (was_there && link.name != link_.name && logs_link_changes(reading)) {
    spdlog::info("port {}: its interface is now called {}", identity_.name, link.name);
  }
  knowledge_ = Knowledge::kThere;
  is_awaited_ = false;
  link_ = std::move(link);
}

LinkFinding LinkFollower::TakeDeletion(const absl::Status& why) {
  knowledge_ = is_known() ? Knowledge::kDeleted : Knowledge::kDeletedThenUnknown;
  deletion_.clear();
  if (!absl::IsAborted(why)) return LinkFinding::kDeleted;
  deletion_ = std::string(why.message());
  return LinkFinding::kFileUseless;
}

// The kernel may be unable to say because the switch may not look into the interface's namespace.
// Frames may pass all the same, and a port that waited for an event would wait for ever.
LinkFinding LinkFollower::TakeIgnorance(const absl::Status& why) {
  if (is_known() && source_.role == QueueRole::kFirst) {
    spdlog::warn("port {}: the state of its interface is unknown from here on: {}", identity_.name,
                 std::string(why.message()));
  }
  knowledge_ = is_deleted() ? Knowledge::kDeletedThenUnknown : Knowledge::kUnknown;
  link_ = {.netns = {}, .up = true, .mtu = status_.mtu, .address = link_.address};
  return absl::IsResourceExhausted(why) ? LinkFinding::kStarved : LinkFinding::kUnknown;
}

// The address of the station's end, if frames may be handed right to it: that skips the queue of
// this end, its MTU and its state, and XDP programs of the other end.
MacAddress LinkFollower::StationWithin(const LinkEvent& link, bool link_up) {
  const StationLink& station = link.station;
  const bool is_direct = link_up && station.ifindex != 0 && station.up && !station.has_xdp &&
                         station.netns != link.netns && station.mtu == link.mtu && !link.has_qdisc;
  return is_direct ? station.address : MacAddress{};
}

// Whether an event is about the other end of the pair, and differs from what is known of that.
bool LinkFollower::IsNewsOfStation(const LinkEvent& link) const {
  const StationLink& known = link_.station;
  return known.Is(link.netns, link.ifindex) && (link.removed || StationOf(link) != known);
}

bool LinkFollower::IsNews(const LinkEvent& link, bool reading_waits_for_link) const {
  if (IsNewsOfStation(link)) return true;
  if (link.netns != link_.netns) return false;
  const bool returns =
      is_deleted() && traits_.is_foreign && !link.removed && link.name == identity_.name;
  const bool is_ours = !is_deleted() && link.ifindex == link_.ifindex;
  if (!is_ours && !returns) return false;
  return !IsSame(link, link_) || reading_waits_for_link || returns;
}

bool LinkFollower::TakeDoubt() {
  if (!std::exchange(in_doubt_, false)) return false;
  if (!source_.refresh) return true;
  awaits_answer_ = true;
  source_.refresh();
  return false;
}

void LinkFollower::UpdateStatus(const ReadHealth& reading, Occasion occasion) {
  std::string reason = WhyDown(reading);
  status_.mtu = link_.mtu;
  status_.speed = link_.speed;
  status_.ifindex = is_deleted() ? 0 : link_.ifindex;
  status_.netns = link_.netns;
  if (traits_.is_foreign) status_.address = link_.address;
  status_.is_guests = traits_.is_foreign && link_.is_tap && !traits_.shared_with_host;
  const bool link_up = reason.empty();
  status_.station = StationWithin(link_, link_up);
  if (link_up == status_.link_up && reason == status_.reason) return;
  if (logs_link_changes(reading)) LogLink(link_up, reason, occasion);
  status_.link_up = link_up;
  status_.reason = std::move(reason);
}

void LinkFollower::TakeDownForClosing() {
  status_.link_up = false;
  status_.reason = "closing";
}

// Returns nothing when the link is up.
std::string LinkFollower::WhyDown(const ReadHealth& reading) const {
  if (is_awaited_) return "waits for its interface, which is not there yet";
  if (is_deleted() && !deletion_.empty()) return deletion_;
  if (is_deleted() && traits_.is_foreign) {
    return "interface was deleted; it is used again when it returns";
  }
  if (is_deleted()) return "device was deleted; add it again";
  if (!reading.has_file) return "the ring has no room for its file; it is tried again";
  if (!link_.up) return "interface is down";
  if (traits_.is_foreign && !link_.carrier) return "interface has no carrier";
  if (reading.fault != ReadFault::kFailed) return "";
  return fmt::format("reading fails ({}); set the interface down and up",
                     DescribeReadError(reading.error));
}

// A queue after the first tells of its own reading only: what the link does, which such a queue may
// notice first, is told by the first queue.
bool LinkFollower::logs_link_changes(const ReadHealth& reading) const {
  return source_.role == QueueRole::kFirst || (reading.fault != ReadFault::kNone && !is_deleted() &&
                                               link_.up && !SaysLinkIsDown(reading.error));
}

void LinkFollower::LogLink(bool link_up, std::string_view reason, Occasion occasion) const {
  const bool is_start = occasion == Occasion::kStart;
  if (link_up) {
    spdlog::log(is_start ? spdlog::level::debug : spdlog::level::info, "port {}: up",
                identity_.name);
  } else {
    spdlog::log(is_start ? spdlog::level::info : spdlog::level::warn, "port {}: {}", identity_.name,
                reason);
  }
}

void LinkFollower::LogReadRetry(const ReadHealth& reading) const {
  if (is_deleted() || reading.fault != ReadFault::kOnce || !logs_link_changes(reading)) return;
  spdlog::warn("port {}: read: {}; trying again", identity_.name, DescribeReadError(reading.error));
}

}  // namespace tapswitch
