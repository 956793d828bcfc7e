// Methods about links that misbehave on purpose.

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/impairment_words.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

// Without a direction it is that of tc-netem(8) on the interface of a station: towards it.
absl::StatusOr<PortDirection> ReadPortDirection(const MethodParams& params) {
  const auto given = params.find("direction");
  if (given == params.end()) return PortDirection::kEgress;
  const auto direction =
      given->is_string() ? ParsePortDirection(given->get_ref<const std::string&>()) : std::nullopt;
  if (direction) return *direction;
  return absl::InvalidArgumentError(
      fmt::format("direction {:.100}: expected ingress or egress",
                  given->dump(-1, ' ', false, MethodParams::error_handler_t::replace)));
}

// Changes the impairments of the port that `dev` names.
template <typename Edit>
MethodResult ChangeImpairments(const MethodContext& context, const MethodParams& params,
                               const Edit& edit) {
  const auto name = params.find("dev");
  if (name == params.end() || !name->is_string()) {
    return absl::InvalidArgumentError("'dev' is missing: name a port");
  }
  const auto& dev = name->get_ref<const std::string&>();
  BridgeConfig wanted = context.control.config();
  PortConfig* const port = wanted.port(dev);
  if (port == nullptr) return context.control.FindPort(dev).status();
  if (absl::Status edited = edit(dev, port->settings.impairments); !edited.ok()) return edited;
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  context.publisher.PublishLink(*port);
  return nullptr;
}

// All settings of the direction, so that words which are left out are off.
absl::Status ReadSettings(const MethodParams& params, ImpairmentPlan& plan) {
  for (const auto& [key, value] : params.items()) {
    if (key == "dev" || key == "direction") continue;
    if (absl::Status set = SetImpairmentWord(key, value, plan); !set.ok()) return set;
  }
  return CheckImpairment(plan);
}

MethodResult SetImpair(const MethodContext& context, const MethodCall& call) {
  const auto direction = ReadPortDirection(call.params);
  if (!direction.ok()) return direction.status();
  return ChangeImpairments(
      context, call.params, [&](const std::string& dev, PortImpairmentPlans& plans) {
        ImpairmentPlan& plan = plans[static_cast<size_t>(*direction)];
        ImpairmentPlan made{
            .is_set = true, .seed = DefaultSeed(dev, *direction), .schedule = plan.schedule};
        absl::Status read = ReadSettings(call.params, made);
        if (read.ok()) plan = std::move(made);
        return read;
      });
}

MethodResult ScheduleImpair(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  static_cast<void>(reader.Text("dev"));
  reader.Allow("direction");
  const std::string text = reader.Text("at");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto direction = ReadPortDirection(call.params);
  if (!direction.ok()) return direction.status();
  std::vector<ImpairmentStep> steps;
  if (text != "off") {
    auto parsed = ParseSchedule(text);
    if (!parsed.ok()) return parsed.status();
    steps = *std::move(parsed);
  }
  return ChangeImpairments(context, call.params,
                           [&](const std::string& dev, PortImpairmentPlans& plans) {
                             ImpairmentPlan& plan = plans[static_cast<size_t>(*direction)];
                             if (!plan.is_on()) plan.seed = DefaultSeed(dev, *direction);
                             plan.schedule = std::move(steps);
                             if (!plan.is_on()) plan = {};
                             return absl::OkStatus();
                           });
}

MethodResult DeleteImpair(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  static_cast<void>(reader.Text("dev"));
  reader.Allow("direction");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto direction = ReadPortDirection(call.params);
  if (!direction.ok()) return direction.status();
  const bool is_one = call.params.contains("direction");
  return ChangeImpairments(context, call.params,
                           [&](const std::string& /*dev*/, PortImpairmentPlans& plans) {
                             if (is_one) {
                               plans[static_cast<size_t>(*direction)] = {};
                             } else {
                               plans = {};
                             }
                             return absl::OkStatus();
                           });
}

ordered_json ShowCountersOf(const ImpairmentSnapshot& state) {
  return {{"passed", state.counters.passed},         {"lost", state.counters.lost},
          {"over_limit", state.counters.over_limit}, {"duplicated", state.counters.duplicated},
          {"reordered", state.counters.reordered},   {"corrupted", state.counters.corrupted}};
}

void ShowEach(const PortConfig& port, const PortSnapshot* snapshot, ordered_json& list) {
  for (size_t i = 0; i < kPortDirectionCount; ++i) {
    const ImpairmentPlan& plan = port.settings.impairments[i];
    if (!plan.is_on()) continue;
    ordered_json shown{{"ifname", port.spec.name},
                       {"direction", NameOf(static_cast<PortDirection>(i))}};
    ShowImpairment(plan, shown);
    const auto state = snapshot == nullptr ? std::nullopt : snapshot->impairments[i];
    shown["held"] = state ? state->held : 0;
    shown["counters"] = ShowCountersOf(state.value_or(ImpairmentSnapshot{}));
    list.push_back(std::move(shown));
  }
}

MethodResult ListImpair(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto name = reader.MaybeText("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const BridgeConfig& config = context.control.config();
  if (name && config.port(*name) == nullptr) return context.control.FindPort(*name).status();
  const SwitchSnapshot snapshot = context.control.Snapshot();
  auto list = ordered_json::array();
  for (const PortConfig& port : config.ports) {
    if (name && port.spec.name != *name) continue;
    ShowEach(port, FindPortSnapshot(snapshot, port.spec.name), list);
  }
  return list;
}

constexpr std::array kImpairMethods{
    Method{"impair.set", MethodKind::kChanges, SetImpair},
    Method{"impair.schedule", MethodKind::kChanges, ScheduleImpair},
    Method{"impair.del", MethodKind::kChanges, DeleteImpair},
    Method{"impair.list", MethodKind::kReads, ListImpair},
};

}  // namespace

std::span<const Method> ImpairMethods() { return kImpairMethods; }

}  // namespace tapswitch
