#include "switch/control/rpc/monitor.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "spdlog/fmt/fmt.h"
#include "switch/control/rpc/json_rpc.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 9> kObjects{"fdb", "link",   "port", "bridge", "vlan",
                                                   "mdb", "config", "stp",  "neigh"};

Monitor::Objects BitOf(std::string_view object) {
  const auto* const found = std::find(kObjects.begin(), kObjects.end(), object);
  return found == kObjects.end() ? 0 : 1U << static_cast<uint32_t>(found - kObjects.begin());
}

std::vector<std::string_view> NamesOf(Monitor::Objects objects) {
  std::vector<std::string_view> names;
  for (const std::string_view object : kObjects) {
    if ((objects & BitOf(object)) != 0) names.push_back(object);
  }
  return names;
}

double SecondsSince1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()) /
         1e6;
}

std::string EventLine(std::string_view object, std::string_view event,
                      const ordered_json& members) {
  ordered_json params{{"timestamp", SecondsSince1970()}, {"object", object}, {"event", event}};
  if (members.is_object()) params.update(members);
  return NotificationLine("monitor.event", params);
}

}  // namespace

absl::StatusOr<Monitor::Objects> Monitor::ParseObjects(const std::vector<std::string>& names) {
  Objects objects = 0;
  for (const std::string& name : names) {
    const Objects bit = name == "all" ? AllObjects() : BitOf(name);
    if (bit == 0) {
      return absl::InvalidArgumentError(fmt::format("'{}' cannot be monitored: there are all, {}",
                                                    name, fmt::join(kObjects, ", ")));
    }
    objects |= bit;
  }
  return objects;
}

Monitor::Objects Monitor::AllObjects() { return (1U << kObjects.size()) - 1; }

bool Monitor::IsWatched(std::string_view object) const {
  const Objects bit = BitOf(object);
  return std::any_of(readers_.begin(), readers_.end(),
                     [&](const auto& reader) { return (reader.second.objects & bit) != 0; });
}

void Monitor::Publish(std::string_view object, std::string_view event,
                      const ordered_json& members) {
  const Objects bit = BitOf(object);
  std::string line;  // made once somebody wants it
  for (auto& [client, reader] : readers_) {
    if ((reader.objects & bit) == 0) continue;
    if (line.empty()) line = EventLine(object, event, members);
    if (ReportMissed(client, reader) && push_(client, line)) continue;
    ++reader.missed;
    reader.incomplete |= bit;
  }
}

void Monitor::PublishToAll(std::string_view object, std::string_view event,
                           const ordered_json& members) {
  for (const auto& [client, reader] : readers_) {
    static_cast<void>(push_(client, EventLine(object, event, members)));
  }
}

void Monitor::Miss(std::string_view object, uint64_t count) {
  const Objects bit = BitOf(object);
  for (auto& [client, reader] : readers_) {
    if ((reader.objects & bit) == 0) continue;
    reader.missed += count;
    reader.incomplete |= bit;
    static_cast<void>(ReportMissed(client, reader));  // if not now, when it has room
  }
}

void Monitor::OnWritable(ClientId client) {
  const auto reader = readers_.find(client);
  if (reader != readers_.end()) static_cast<void>(ReportMissed(client, reader->second));
}

// Returns true if the client knows of all events that it missed.
bool Monitor::ReportMissed(ClientId client, Reader& reader) {
  if (reader.missed == 0) return true;
  const ordered_json members{{"count", reader.missed}, {"resync", NamesOf(reader.incomplete)}};
  if (!push_(client, EventLine("monitor", "missed", members))) return false;
  reader.missed = 0;
  reader.incomplete = 0;
  return true;
}

}  // namespace tapswitch
