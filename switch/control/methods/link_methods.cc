// Methods about the settings of ports.

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/carrier_flaps.h"
#include "switch/control/commands/impair_units.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/methods/show.h"

namespace tapswitch {
namespace {

MethodResult SetLink(const MethodContext& context, const MethodCall& call) {
  return ChangePort(context, call.params, SetPortSetting);
}

MethodResult ListLinks(const MethodContext& context, const MethodCall& call) {
  return ListEachPort(context.control, call.params, "dev",
                      [&](const PortConfig& config, const PortSnapshot* snapshot) {
                        return ShowLink(context.control, config, snapshot);
                      });
}

// The words that say who is to be told of a carrier: `qmp SOCKET id ID`, `qmp off`, or none.
struct GuestWords {
  std::optional<std::string> socket;
  std::optional<std::string> id;
};

absl::Status SetGuest(const GuestWords& words, std::optional<GuestPlace>& guest) {
  if (!words.socket && !words.id) return absl::OkStatus();
  if (words.socket == "off" && !words.id) {
    guest.reset();
    return absl::OkStatus();
  }
  if (!words.socket || !words.id) {
    return absl::InvalidArgumentError("expected qmp SOCKET id ID, or qmp off");
  }
  GuestPlace place{.socket = *words.socket, .id = *words.id};
  if (absl::Status checked = CheckGuestPlace(place); !checked.ok()) return checked;
  guest = std::move(place);
  return absl::OkStatus();
}

// A guest may have been started anew since it was told, so it is told again.
MethodResult TellAgain(const MethodContext& context, const PortConfig& port) {
  const auto id = context.control.FindPort(port.spec.name);
  if (!id.ok()) return id.status();
  absl::Status told = context.control.SetCarrier(*id, port.settings.carrier);
  if (!told.ok()) return told;
  return nullptr;
}

MethodResult ChangeCarrier(const MethodContext& context, const std::string& dev, bool is_on,
                           const GuestWords& words) {
  BridgeConfig wanted = context.control.config();
  PortConfig* const port = wanted.port(dev);
  if (port == nullptr) return context.control.FindPort(dev).status();
  const PortSettings before = port->settings;
  if (absl::Status set = SetGuest(words, port->settings.guest); !set.ok()) return set;
  if (context.flaps != nullptr) context.flaps->End(dev);
  port->settings.carrier = is_on;
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  const auto& guest = port->settings.guest;
  if (guest && before.carrier == is_on) {
    if (auto told = TellAgain(context, *port); !told.ok()) return told;
  }
  context.publisher.PublishLink(*port);
  const std::string problem = guest ? context.control.StatusOf(*guest).problem : "";
  if (problem.empty()) return nullptr;
  nlohmann::ordered_json answer;
  answer["warnings"] = {
      fmt::format("port {}: the guest is not told yet, and tried again: {}", dev, problem)};
  return answer;
}

MethodResult Flap(const MethodContext& context, const std::string& dev,
                  const std::optional<std::string>& period, uint64_t count) {
  CarrierFlaps::Flapping wanted{.count = count};
  if (period) {
    const auto span = ParseTimeSpan(*period);
    if (!span.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("period {}", std::string(span.status().message())));
    }
    wanted.period = std::chrono::nanoseconds(*span);
  }
  if (wanted.period < CarrierFlaps::kShortestPeriod) {
    return absl::InvalidArgumentError(fmt::format("period '{}': expected 20ms or more", *period));
  }
  const PortConfig* const port = context.control.config().port(dev);
  if (port == nullptr) return context.control.FindPort(dev).status();
  if (!port->settings.carrier) {
    return absl::FailedPreconditionError(
        fmt::format("flap: the carrier of {} is off: tapctl link carrier dev {} on", dev, dev));
  }
  if (context.flaps == nullptr) {
    return absl::FailedPreconditionError("flap: it is for a switch that runs, and for no file");
  }
  if (absl::Status begun = context.flaps->Begin(dev, wanted); !begun.ok()) return begun;
  return nullptr;
}

MethodResult SetCarrier(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string dev = reader.Text("dev");
  const auto is_on = reader.MaybeFlag("carrier");
  const bool flaps = reader.MaybeFlag("flap").value_or(false);
  const auto period = reader.MaybeText("period");
  const auto count = reader.MaybeNumber("count", 1, CarrierFlaps::kMost);
  const GuestWords guest{.socket = reader.MaybeText("qmp"), .id = reader.MaybeText("id")};
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const bool has_guest = guest.socket || guest.id;
  if (flaps == is_on.has_value() || (flaps ? has_guest : period || count)) {
    return absl::InvalidArgumentError(
        "expected on or off [qmp SOCKET id ID], or flap [period TIME] [count N]");
  }
  return flaps ? Flap(context, dev, period, count.value_or(1))
               : ChangeCarrier(context, dev, *is_on, guest);
}

constexpr std::array kLinkMethods{
    Method{"link.carrier", MethodKind::kChanges, SetCarrier},
    Method{"link.set", MethodKind::kChanges, SetLink},
    Method{"link.list", MethodKind::kReads, ListLinks},
};

}  // namespace

std::span<const Method> LinkMethods() { return kLinkMethods; }

}  // namespace tapswitch
