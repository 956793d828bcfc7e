// Methods about loop detection.

#include <array>
#include <optional>
#include <string>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/show.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

constexpr Ticks kLeastPeriod{10};
constexpr Ticks kMostPeriod{360000};

// "off" is a span of 0. Stays as it is when nothing is said.
absl::Status ReadSpan(std::string_view name, const std::optional<std::string>& text, Ticks& span) {
  if (!text) return absl::OkStatus();
  if (*text == "off") {
    span = Ticks{0};
    return absl::OkStatus();
  }
  const auto given = ParseDuration(*text);
  if (!given.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}", name, std::string(given.status().message())));
  }
  span = *given;
  return absl::OkStatus();
}

absl::Status ReadAction(const std::optional<std::string>& text, LoopDetection::Action& action) {
  if (!text) return absl::OkStatus();
  if (*text != "block" && *text != "log") {
    return absl::InvalidArgumentError(
        fmt::format("action '{:.100}': expected block or log", *text));
  }
  action = *text == "block" ? LoopDetection::Action::kBlock : LoopDetection::Action::kLog;
  return absl::OkStatus();
}

MethodResult SetLoopDetection(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto period = reader.MaybeText("period");
  const auto action = reader.MaybeText("action");
  const auto recovery = reader.MaybeText("recovery");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  BridgeConfig wanted = context.control.config();
  LoopDetection& loop = wanted.bridge.loop;
  if (absl::Status set = ReadSpan("period", period, loop.period); !set.ok()) return set;
  if (absl::Status set = ReadAction(action, loop.action); !set.ok()) return set;
  if (absl::Status set = ReadSpan("recovery", recovery, loop.recovery); !set.ok()) return set;
  const bool is_off = !period || *period == "off";
  if (!is_off && (loop.period < kLeastPeriod || loop.period > kMostPeriod)) {
    return absl::InvalidArgumentError(
        fmt::format("period '{:.100}': it is 100ms to 3600s, or off", *period));
  }
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  return nullptr;
}

MethodResult ListLoopDetection(const MethodContext& context, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  return ordered_json::array({ShowLoopDetection(context.control, context.control.Snapshot())});
}

constexpr std::array kLoopMethods{
    Method{"loop.set", MethodKind::kChanges, SetLoopDetection},
    Method{"loop.list", MethodKind::kReads, ListLoopDetection},
};

}  // namespace

std::span<const Method> LoopMethods() { return kLoopMethods; }

}  // namespace tapswitch
