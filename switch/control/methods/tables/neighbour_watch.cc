#include "switch/control/methods/tables/neighbour_watch.h"

#include "switch/control/methods/tables/neighbour_json.h"

namespace tapswitch {

void NeighbourWatch::Watch(bool is_wanted) {
  if (is_wanted == is_watched_) return;
  is_watched_ = is_wanted;
  known_ = is_wanted ? Read() : Neighbours();
  next_ = Clock::now() + kPeriod;
}

void NeighbourWatch::Step() {
  if (is_watched_ && Clock::now() >= next_) ReadNow();
}

void NeighbourWatch::ReadNow() {
  if (!is_watched_) return;
  next_ = Clock::now() + kPeriod;
  Neighbours now = Read();
  for (const auto& [key, seen] : known_) {
    if (!now.contains(key)) Publish("deleted", seen);
  }
  for (const auto& [key, seen] : now) {
    const auto before = known_.find(key);
    if (before == known_.end()) {
      Publish("added", seen);
    } else if (!AreAlike(before->second, seen)) {
      Publish("changed", seen);
    }
  }
  known_ = std::move(now);
}

std::optional<std::chrono::milliseconds> NeighbourWatch::Wait() const {
  const bool has_work = is_watched_ && (control_.KeepsNeighbours() || !known_.empty());
  return has_work ? std::optional(kPeriod) : std::nullopt;
}

NeighbourWatch::Neighbours NeighbourWatch::Read() const {
  Neighbours all;
  if (!control_.KeepsNeighbours()) return all;
  const Tick now = control_.now();
  for (const BridgeControl::NeighbourEntry& entry : control_.Neighbours()) {
    const std::string port = entry.port ? control_.NameOf(*entry.port) : "";
    all.emplace(Key(entry.neighbour.vlan, entry.neighbour.address),
                Seen{.entry = entry, .state = StateOf(entry, now), .port = port});
  }
  return all;
}

bool NeighbourWatch::AreAlike(const Seen& one, const Seen& other) {
  const auto what = [](const Seen& seen) {
    const Neighbour& neighbour = seen.entry.neighbour;
    return std::tuple(neighbour.mac, neighbour.is_router.value_or(false), neighbour.extern_learn,
                      seen.state);
  };
  return what(one) == what(other) && one.port == other.port;
}

// The event shows the neighbour as it was when it was read: it may have gone, and its port with it.
void NeighbourWatch::Publish(std::string_view event, const Seen& seen) {
  nlohmann::ordered_json members = ShowNeighbour(control_, seen.entry, control_.now());
  if (!seen.port.empty()) members["dev"] = seen.port;
  members["state"] = nlohmann::ordered_json::array({seen.state});
  members.erase("age");
  monitor_.Publish("neigh", event, members);
}

}  // namespace tapswitch
