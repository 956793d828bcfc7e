#include "switch/forwarding/advice/trace.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "switch/forwarding/guards/source_checks.h"

namespace tapswitch {
namespace {

constexpr size_t kNamesAtMost = 8;

// The time between the two, as "12.34 s".
std::string TimeText(Tick from, Tick to) {
  const uint64_t time = to.centiseconds - from.centiseconds;
  const std::string fraction = std::to_string(100 + time % 100).substr(1);
  return std::to_string(time / 100) + "." + fraction + " s";
}

std::string AgeText(Tick seen, Tick now) { return TimeText(seen, now) + " ago"; }

std::string CacheableText(const Cacheability& cacheable, Tick now) {
  if (cacheable.obstacle) {
    return std::string(kCacheObstacles[static_cast<size_t>(*cacheable.obstacle)].text);
  }
  std::string text = "later frames of the two may go the same way until something changes";
  if (cacheable.until == kEndOfTime) return text;
  return text + ", or a station is not seen for another " + TimeText(now, cacheable.until);
}

std::string KindText(const MacEntry& entry, Tick now) {
  std::string text = "static";
  if (entry.state == MacEntryState::kLearned) {
    text = entry.extern_learn ? "externally learned" : entry.by_user ? "set by hand" : "learned";
    text += ", seen " + AgeText(entry.last_seen, now);
  }
  if (entry.sticky) text += ", sticky";
  if (entry.locked) text += ", locked: it waits for permission";
  return text;
}

class Tracer {
 public:
  Tracer(const ForwardingView& view, const MacTable& table, const Protocols& protocols,
         PortId ingress, const EthernetHeader& header, Tick now,
         const std::function<std::string(PortId)>& name, const GroupFrame& frame)
      : view_(view),
        table_(table),
        protocols_(protocols),
        ingress_(ingress),
        header_(header),
        now_(now),
        name_(name),
        frame_(frame),
        as_(view.Classify(ingress, header)),
        vlan_(as_.vlan),
        masks_(view.masks(vlan_)) {}

  Trace Run() {
    if (Admitted() && IsMember() && Screened()) {
      found_ = table_.Lookup(vlan_, header_.destination, now_);
      if (header_.destination.is_multicast()) found_.reset();
      if (Learn()) Decide();
    }
    JudgeCacheable();
    return std::move(trace_);
  }

 private:
  void Step(std::string stage, std::string verdict, std::string text) {
    trace_.steps.push_back({std::move(stage), std::move(verdict), std::move(text)});
  }
  bool Drop(std::string stage, DropReason reason, std::string text) {
    trace_.decision = {.action = Decision::Action::kDrop, .reason = reason};
    Step(std::move(stage), "drop", std::move(text));
    return false;
  }

  bool Admitted() {
    const std::string source = header_.source.ToString();
    const auto refused = Admit(view_, ingress_, header_);
    if (!refused.has_value()) {
      Step("admit", "pass", AdmittedText());
      return true;
    }
    if (*refused == DropReason::kSourceMulticast) {
      return Drop("admit", *refused, "the source " + source + " is a group address");
    }
    if (*refused == DropReason::kSourceZero) {
      return Drop("admit", *refused, "the source " + source + " is no station's address");
    }
    return Drop("admit", *refused,
                "the destination " + header_.destination.ToString() +
                    " is reserved for protocols between bridges and is not forwarded");
  }

  [[nodiscard]] std::string AdmittedText() const {
    if (TeachesSource(header_)) {
      return "no reserved destination, and the source is a station's address";
    }
    return "the destination " + header_.destination.ToString() +
           " is reserved, and group_fwd_mask lets it pass";
  }

  bool IsMember() {
    if (masks_.members.contains(ingress_)) {
      Step("vlan", "pass", VlanText());
      return true;
    }
    const DropReason reason = DecideKnowing(view_, table_, ingress_, as_, header_, {}).reason;
    if (reason == DropReason::kMirrorPort) {
      return Drop("mirror", reason,
                  "a mirror copies to " + name_(ingress_) + ": nothing else passes");
    }
    return Drop("vlan", reason, VlanText());
  }

  [[nodiscard]] std::string VlanText() const {
    if (!view_.filters_vlans()) {
      return "VLANs are not filtered: all ports share one broadcast domain";
    }
    const std::string port = name_(ingress_);
    const std::string how = as_.tag == FrameTag::kNone     ? "untagged"
                            : as_.tag == FrameTag::kTagged ? "tagged"
                                                           : "tagged with VID 0";
    if (as_.tag == FrameTag::kTagged && vlan_ == kReservedVlan) return "VID 4095 is reserved";
    if (vlan_ == kReservedVlan) return how + ", and " + port + " has no PVID";
    const std::string vlan = "VLAN " + std::to_string(vlan_.value);
    const std::string by = as_.tag == FrameTag::kTagged ? "" : ", the PVID of " + port;
    if (masks_.members.contains(ingress_)) return how + ": belongs to " + vlan + by;
    return how + ": belongs to " + vlan + by + ", and " + port + " is not a member of it";
  }

  bool Screened() {
    if (!view_.is_screened(ingress_) || !view_.is_locked(ingress_)) return true;
    const auto refused = Screen(view_, table_, ingress_, vlan_, header_.source, now_);
    const std::string where = EntryText(header_.source);
    const bool is_free = !view_.is_locked(ingress_) || refused == DropReason::kSpoofed;
    const std::string text = name_(ingress_) + (is_free ? AllowText(refused.has_value())
                                                        : " is locked, and the source " + where);
    if (refused.has_value()) return Drop("screen", *refused, text);
    Step("screen", "pass", text);
    return true;
  }

  // What is said in a frame cannot be traced.
  [[nodiscard]] std::string AllowText(bool is_refused) const {
    return " has an allow list, and the source " + header_.source.ToString() +
           (is_refused ? " is not on it" : " is on it");
  }

  // Also corrects what the look-up of the destination will say once the source has been learned.
  bool Learn() {
    if (!TeachesSource(header_)) {
      Step("learn", "pass", "frames to reserved addresses teach nothing");
      return true;
    }
    if (!view_.learns(masks_, ingress_)) {
      Step("learn", "pass", name_(ingress_) + " does not learn: by its flag, or in its state");
      return true;
    }
    const MacAddress source = header_.source;
    const LearnResult result = table_.WouldLearn(vlan_, source, ingress_, now_);
    const bool is_new = result == LearnResult::kLearned || result == LearnResult::kMoved;
    const auto evicted = table_.WouldEvict(vlan_, source, ingress_, now_);
    std::string text = LearnText(result);
    if (result == LearnResult::kLimited &&
        DropsAtLimit(view_, table_, ingress_, vlan_, source, now_)) {
      return Drop("learn", DropReason::kLearnLimit, text + ", and the port drops it then");
    }
    if (evicted.has_value()) {
      const bool is_full = table_.size() >= table_.capacity();
      text += std::string(is_full ? "; the table is full" : "; the port's limit is reached") +
              ", so " + evicted->address.ToString() + " is forgotten";
      if (evicted->vlan == vlan_ && evicted->address == header_.destination) found_.reset();
      forgotten_ = evicted->address;
    }
    Step("learn", is_new ? "learn" : "pass", text);
    if (is_new && source == header_.destination) {
      found_ = MacLookup{.port = ingress_};
      has_taught_itself_ = true;
    }
    return true;
  }

  [[nodiscard]] std::string LearnText(LearnResult result) const {
    const std::string source = "the source " + header_.source.ToString();
    switch (result) {
      case LearnResult::kRefreshed:
        return source + " is known to be behind " + name_(ingress_);
      case LearnResult::kLearned:
        return source + " is new: learned behind " + name_(ingress_);
      case LearnResult::kMoved:
        return "the source " + EntryText(header_.source) + ": moves to " + name_(ingress_);
      case LearnResult::kPinned:
        return "the source " + EntryText(header_.source) + ": stays there";
      case LearnResult::kLocal:
        return source + " is an address of the bridge itself: not learned";
      case LearnResult::kLimited:
        return source + " is not learned: there is a limit, and it is reached";
      case LearnResult::kRefused:
        break;
    }
    if (table_.ageing() == Ticks{0}) return source + " is not learned: the ageing time is 0";
    return source + " is not learned: the table is full of entries set by hand";
  }

  void Decide() {
    Decision& decision = trace_.decision;
    decision = DecideKnowing(view_, table_, ingress_, as_, header_, found_, frame_);
    if (!view_.passes(masks_, ingress_)) {
      return Step("state", "drop", name_(ingress_) + " is not in state forwarding");
    }
    Step("state", "pass", name_(ingress_) + " is in state forwarding");
    if (decision.reason == DropReason::kLocalAddress &&
        decision.action == Decision::Action::kDrop) {
      return Step("lookup", "drop", LookupText() + ": consumed, not forwarded");
    }
    Step("lookup", "pass", LookupText());
    if (!found_.has_value()) return Flood();
    if (found_->group != kNoGroup) return ToGroup();
    ToPort();
  }

  // By the table as it is: what this frame would teach has not been learned.
  void JudgeCacheable() {
    if (trace_.decision.action == Decision::Action::kDrop) return;
    trace_.cacheable =
        Cacheable(view_, table_, protocols_, ingress_, as_, header_, trace_.decision, now_);
    trace_.cacheable_step = {.stage = "cacheable",
                             .verdict = trace_.cacheable.obstacle ? "no" : "yes",
                             .text = CacheableText(trace_.cacheable, now_)};
  }

  [[nodiscard]] std::string LookupText() const {
    const MacAddress destination = header_.destination;
    const std::string text = "the destination " + destination.ToString();
    if (destination.is_broadcast()) return text + " is broadcast";
    if (destination.is_multicast()) return text + " is multicast";
    if (has_taught_itself_) return text + " is the source itself, behind " + name_(ingress_);
    if (!found_.has_value() && forgotten_ == destination) return text + " has just been forgotten";
    return "the destination " + EntryText(destination);
  }

  // "ADDRESS is behind PORT (KIND)".
  [[nodiscard]] std::string EntryText(MacAddress address) const {
    const auto entries = table_.FindAll(vlan_, address, now_);
    if (entries.empty()) return address.ToString() + " is unknown";
    const MacEntry& first = entries.front();
    if (first.state == MacEntryState::kPermanent) {
      return address.ToString() + " is an address of the bridge itself (permanent, on " +
             name_(first.port) + ")";
    }
    PortSet ports;
    for (const MacEntry& entry : entries) ports.insert(entry.port);
    return address.ToString() + " is behind " + PortsText(ports) + " (" + KindText(first, now_) +
           ")";
  }

  void ToPort() {
    const PortId port = found_->port;
    const Decision& decision = trace_.decision;
    if (decision.action == Decision::Action::kForward) {
      return Step("egress", "forward", LeavesText(PortSet::Of(port)));
    }
    Step("egress", "drop",
         port == ingress_
             ? "that is where it came from, and hairpin is off"
             : name_(port) + " may not send it: " + ObstacleText(port, masks_.forwarding));
  }

  void ToGroup() {
    const PortSet& group = table_.group(found_->group);
    Step("egress", trace_.decision.action == Decision::Action::kDrop ? "drop" : "forward",
         FanOutText(group, masks_.forwarding));
  }

  void FloodToGroup() {
    const GroupDecision group =
        DecideGroup(*frame_.groups, table_, masks_, vlan_, ReadGroupFlow(header_, frame_.bytes));
    is_withheld_ =
        group.reason != GroupReason::kNotSnooped && group.reason != GroupReason::kNeverWithheld;
    Step("group", "pass", std::string(TextOf(group.reason)));
    Step("egress", trace_.decision.action == Decision::Action::kDrop ? "drop" : "flood",
         FanOutText(view_.ports(), group.ports));
  }

  void Flood() {
    const MacAddress destination = header_.destination;
    if (destination.is_multicast() && AsksGroups(frame_, header_, as_)) return FloodToGroup();
    const PortSet& mask = destination.is_broadcast()   ? masks_.bcast_flood
                          : destination.is_multicast() ? masks_.mcast_flood
                                                       : masks_.flood;
    Step("egress", trace_.decision.action == Decision::Action::kDrop ? "drop" : "flood",
         FanOutText(view_.ports(), mask));
  }

  // Which of `candidates` the frame leaves by, and what keeps it from each other one. `mask` has
  // those that may send it.
  [[nodiscard]] std::string FanOutText(const PortSet& candidates, const PortSet& mask) const {
    const Decision& decision = trace_.decision;
    std::string text = "leaves by no port";
    PortSet left_out = candidates;
    if (decision.action == Decision::Action::kFlood) {
      text = LeavesText(decision.flood);
      left_out -= decision.flood;
    }
    std::vector<std::pair<std::string, PortSet>> by_obstacle;
    left_out.ForEach([&](PortId port) {
      const std::string obstacle = ObstacleText(port, mask);
      for (auto& [known, ports] : by_obstacle) {
        if (known == obstacle) return ports.insert(port);
      }
      by_obstacle.emplace_back(obstacle, PortSet{}).second.insert(port);
    });
    for (const auto& [obstacle, ports] : by_obstacle) {
      text += "; not by " + PortsText(ports) + " (" + obstacle + ")";
    }
    return text;
  }

  // Why the frame does not leave by `port`.
  [[nodiscard]] std::string ObstacleText(PortId port, const PortSet& mask) const {
    if (!view_.ports().contains(port)) return "the port is down";
    if (view_.is_mirror_destination(port)) return "a mirror copies to it";
    if (!masks_.members.contains(port)) return "not a member of the VLAN";
    if (!view_.passes(masks_, port)) return "not in state forwarding";
    if (!view_.reach(ingress_).contains(port)) {
      return port == ingress_        ? "where it came from"
             : view_.is_tunnel(port) ? "both lead to other machines"
                                     : "both ports are isolated";
    }
    if (mask.contains(port)) return "";
    if (header_.destination.is_broadcast()) return "bcast_flood off";
    if (is_withheld_ && masks_.mcast_flood.contains(port)) return "nobody there wants it";
    return header_.destination.is_multicast() ? "mcast_flood off" : "flood off";
  }

  [[nodiscard]] std::string LeavesText(const PortSet& ports) const {
    if (!view_.filters_vlans()) return "leaves by " + PortsText(ports);
    const PortSet untagged = ports & masks_.untagged;
    const PortSet tagged = ports - untagged;
    std::string text = "leaves";
    if (!tagged.empty()) text += " tagged by " + PortsText(tagged);
    if (!tagged.empty() && !untagged.empty()) text += ",";
    if (!untagged.empty()) text += " untagged by " + PortsText(untagged);
    return text;
  }

  [[nodiscard]] std::string PortsText(const PortSet& ports) const {
    if (ports.size() > kNamesAtMost) return std::to_string(ports.size()) + " ports";
    std::string text;
    ports.ForEach([&](PortId port) { text += (text.empty() ? "" : ", ") + name_(port); });
    return text;
  }

  const ForwardingView& view_;
  const MacTable& table_;
  const Protocols& protocols_;
  PortId ingress_;
  const EthernetHeader& header_;
  Tick now_;
  const std::function<std::string(PortId)>& name_;
  const GroupFrame& frame_;
  Classification as_;
  VlanId vlan_;
  const VlanMasks& masks_;
  std::optional<MacLookup> found_;
  std::optional<MacAddress> forgotten_;
  bool has_taught_itself_ = false;
  bool is_withheld_ = false;  // from ports that have not asked for the group
  Trace trace_;
};

}  // namespace

Trace TraceFrame(const ForwardingView& view, const MacTable& table, const Protocols& protocols,
                 PortId ingress, const EthernetHeader& header, Tick now,
                 const std::function<std::string(PortId)>& name, const GroupFrame& frame) {
  return Tracer(view, table, protocols, ingress, header, now, name, frame).Run();
}

}  // namespace tapswitch
