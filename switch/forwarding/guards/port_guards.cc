#include "switch/forwarding/guards/port_guards.h"

#include "switch/forwarding/guards/source_checks.h"

namespace tapswitch {
namespace {

// What a frame comes to on the wire, where one that is to be segmented is many.
struct Amount {
  uint64_t frames = 1;
  uint64_t bits = 0;
};

Amount AmountOf(const Frame& frame) {
  const uint64_t size = frame.bytes().size();
  Amount amount{.bits = size * 8};
  const VirtioNetHeader& offload = frame.offload;
  const bool is_cut = offload.gso != GsoType::kNone && offload.gso_size != 0 &&
                      size > uint64_t{offload.header_length} + offload.gso_size;
  if (!is_cut) return amount;
  const uint64_t payload = size - offload.header_length;
  amount.frames = (payload + offload.gso_size - 1) / offload.gso_size;
  amount.bits = (payload + amount.frames * offload.header_length) * 8;
  return amount;
}

// How the frame is flooded; nothing when its destination is known to be behind several ports.
std::optional<StormKind> KindOf(const MacTable& table, const ParsedFrame& frame, Tick now) {
  const MacAddress destination = frame.header.destination;
  if (destination.is_broadcast()) return StormKind::kBroadcast;
  if (destination.is_multicast()) return StormKind::kMulticast;
  if (table.Lookup(frame.as.vlan, destination, now)) return std::nullopt;
  return StormKind::kUnknownUnicast;
}

// Of a locked port: refreshes the locked entry of the source, or makes one.
void LearnLocked(const ForwardingView& view, MacTable& table, const ParsedFrame& frame, Tick now,
                 PortCounters& counters) {
  const MacAddress source = frame.header.source;
  const VlanId vlan = frame.as.vlan;
  const bool may_learn = view.has_mab(frame.ingress) && TeachesSource(frame.header) &&
                         view.learns(view.masks(vlan), frame.ingress);
  if (!may_learn) return;
  const auto found = table.Lookup(vlan, source, now);
  // It does not move here either.
  if (found && !(table.IsLocked(vlan, source) && found->port == frame.ingress)) return;
  const LearnResult result = table.LearnLocked(vlan, source, frame.ingress, now);
  if (result != LearnResult::kRefreshed) counters.Learned(result);
}

// Incidents that follow each other within this time are one episode.
constexpr Ticks kEpisodeCalm{1000};

// True of the first, and of the first that is to shut the port down.
bool Note(EpisodeMemory& episode, bool shuts_down, Tick now) {
  const bool is_first = !episode.last || *episode.last + kEpisodeCalm <= now;
  const bool is_news = is_first || (shuts_down && !episode.shuts_down);
  episode = {.last = now, .shuts_down = shuts_down};
  return is_news;
}

Alarm AlarmOf(Alarm::Kind kind, const ParsedFrame& frame) {
  return {
      .kind = kind, .port = frame.ingress, .vlan = frame.as.vlan, .address = frame.header.source};
}

}  // namespace

std::optional<DropReason> PortGuards::Check(const ForwardingView& view, MacTable& table,
                                            const ParsedFrame& frame, Tick now,
                                            PortCounters& counters) {
  auto refused = Screen(view, table, frame.ingress, frame.as.vlan, frame.header.source, now);
  const AllowList* const allowed = view.security(frame.ingress).allowed.get();
  if (!refused && allowed != nullptr && !allowed->Allows(frame.header, frame.bytes)) {
    refused = DropReason::kSpoofed;
  }
  if (refused == DropReason::kLocked) LearnLocked(view, table, frame, now, counters);
  if (refused == DropReason::kSpoofed) {
    Report(ports_[frame.ingress.value].spoofing, AlarmOf(Alarm::Kind::kSpoofing, frame), now);
  }
  return refused;
}

std::optional<DropReason> PortGuards::OnLearned(const ForwardingView& view, MacTable& table,
                                                const ParsedFrame& frame, LearnResult result,
                                                Tick now) {
  const PortSecurity& security = view.security(frame.ingress);
  if (result == LearnResult::kMoved) {
    SuspectLoop(table, frame, now);
    if (security.max_moves != 0) NoteMove(view, table, frame, now);
  }
  if (result == LearnResult::kPinned) MoveIfReleased(table, frame, now);
  if (result != LearnResult::kLimited) return std::nullopt;
  const MacAddress source = frame.header.source;
  if (!DropsAtLimit(view, table, frame.ingress, frame.as.vlan, source, now)) return std::nullopt;
  Alarm alarm = AlarmOf(Alarm::Kind::kLearnLimit, frame);
  alarm.shut_down = security.at_limit == LimitAction::kShutDown;
  alarm.recovery = security.recovery;
  Report(ports_[frame.ingress.value].at_limit, alarm, now);
  return DropReason::kLearnLimit;
}

std::optional<DropReason> PortGuards::CheckFlood(const ForwardingView& view, const MacTable& table,
                                                 const ParsedFrame& screened, const Frame& frame,
                                                 Tick now, PortCounters& counters) {
  const auto kind = KindOf(table, screened, now);
  if (!kind) return std::nullopt;
  const auto index = static_cast<size_t>(*kind);
  const StormControl& control = view.storm(frame.ingress);
  const StormControl::Rate& rate = control.rates[index];
  if (rate.per_second == 0) return std::nullopt;
  const Amount amount = AmountOf(frame);
  PortGuardMemory& memory = ports_[frame.ingress.value];
  const RateLimit limit{
      .per_second = rate.per_second, .in_bits = rate.in_bits, .burst = control.burst};
  if (memory.buckets[index].Take(limit, rate.in_bits ? amount.bits : amount.frames, now)) {
    return std::nullopt;
  }
  ++counters.storm[index];
  Alarm alarm = AlarmOf(Alarm::Kind::kStorm, screened);
  alarm.storm = *kind;
  alarm.shut_down = control.shuts_down;
  alarm.recovery = control.recovery;
  Report(memory.storms[index], alarm, now);
  return DropReason::kStorm;
}

void PortGuards::Report(EpisodeMemory& episode, const Alarm& alarm, Tick now) {
  if (Note(episode, alarm.shut_down, now) && !alarms_.Raise(alarm)) episode.last.reset();
}

// Precondition: Learn has just moved the station to the port.
void PortGuards::NoteMove(const ForwardingView& view, MacTable& table, const ParsedFrame& frame,
                          Tick now) {
  const PortSecurity& security = view.security(frame.ingress);
  const VlanId vlan = frame.as.vlan;
  const MacAddress station = frame.header.source;
  const auto verdict = moves_.Note(vlan, station, security.max_moves, security.moves_within, now);
  if (verdict == MoveWatch::Verdict::kMoved) return;
  Alarm alarm = AlarmOf(Alarm::Kind::kMacMoves, frame);
  alarm.other = table.moved_from();
  alarm.recovery = security.recovery;
  alarm.damped = security.on_moves == MoveAction::kDamp;
  alarm.shut_down = security.on_moves == MoveAction::kShutDown;
  if (alarm.damped) {
    table.Hold(vlan, station);
    const bool ends = security.recovery != Ticks{0};
    moves_.Hold(vlan, station, ends ? std::optional(now + security.recovery) : std::nullopt, now);
  }
  // A port that forwards again may have to be shut down again.
  const bool is_news = verdict == MoveWatch::Verdict::kBeginsToFlap || alarm.shut_down;
  if (is_news && !alarms_.Raise(alarm)) moves_.Forget(vlan, station);
}

// Precondition: Learn has just moved the station to the port.
void PortGuards::SuspectLoop(const MacTable& table, const ParsedFrame& frame, Tick now) {
  const PortId from = table.moved_from();
  if (!loops_.Note(from, frame.ingress, now)) return;
  Alarm alarm = AlarmOf(Alarm::Kind::kLoopSuspected, frame);
  alarm.other = from;
  if (!alarms_.Raise(alarm)) loops_.Forget(from, frame.ingress);
}

// A station that was seen elsewhere than its entry says: once it is held no longer, it moves.
void PortGuards::MoveIfReleased(MacTable& table, const ParsedFrame& frame, Tick now) const {
  const VlanId vlan = frame.as.vlan;
  if (moves_.IsHeld(vlan, frame.header.source, now)) return;
  if (!table.ReleaseHold(vlan, frame.header.source)) return;
  static_cast<void>(table.Learn(vlan, frame.header.source, frame.ingress, now));
}

}  // namespace tapswitch
