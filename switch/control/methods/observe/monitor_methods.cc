// The method by which a client watches what changes.

#include <array>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/observe/captures.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {
namespace {

using nlohmann::json;

MethodResult StartMonitor(const MethodContext& context, const MethodCall& call) {
  Monitor::Objects objects = Monitor::AllObjects();
  for (const auto& [key, value] : call.params.items()) {
    if (key != "objects" || !value.is_array() || value.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("'{:.100}': give objects, an array of names, or nothing", key));
    }
    std::vector<std::string> names;
    for (const json& name : value) {
      names.push_back(name.is_string() ? name.get<std::string>() : "");
    }
    const auto parsed = Monitor::ParseObjects(names);
    if (!parsed.ok()) return parsed.status();
    objects = *parsed;
  }
  if (context.captures.Has(call.client)) {
    return absl::FailedPreconditionError("this connection carries a capture: use another one");
  }
  context.publisher.Subscribe(call.client, objects);
  return nullptr;
}

// It reads: events tell of changes, not of frames, and a slow client only loses events of its own.
constexpr std::array kMonitorMethods{
    Method{"monitor.start", MethodKind::kReads, StartMonitor, MethodUse::kOnlyByClients}};

}  // namespace

std::span<const Method> MonitorMethods() { return kMonitorMethods; }

}  // namespace tapswitch
