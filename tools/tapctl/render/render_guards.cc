#include "tools/tapctl/render/render_guards.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

std::string SpanText(const Answer& seconds) {
  constexpr double kLongest = 1e9;
  const double value = seconds.is_number() ? seconds.get<double>() : 0;
  return DurationText(
      Ticks{static_cast<uint64_t>(std::lround(std::clamp(value, 0.0, kLongest) * 100))});
}

// In the largest unit that has no decimals.
std::string RateInUnits(uint64_t rate, bool in_bits) {
  constexpr std::array<std::string_view, 4> kPrefixes{"", "k", "m", "g"};
  size_t prefix = 0;
  for (; in_bits && rate != 0 && rate % 1000 == 0 && prefix + 1 < kPrefixes.size(); ++prefix) {
    rate /= 1000;
  }
  return fmt::format("{}{}{}", rate, kPrefixes[prefix], in_bits ? "bit" : "pps");
}

// How a setting is written, and what it is at first. A rate or a number of moves is null then.
enum class Form { kPlain, kRate, kSpan, kMoves };

struct ShownSetting {
  std::string_view name;
  Form form;
  std::string_view initial;
};

constexpr std::array kSettings{
    ShownSetting{"broadcast", Form::kRate, ""},       ShownSetting{"multicast", Form::kRate, ""},
    ShownSetting{"unknown", Form::kRate, ""},         ShownSetting{"burst", Form::kSpan, "0.10s"},
    ShownSetting{"action", Form::kPlain, "drop"},     ShownSetting{"max_macs", Form::kPlain, "0"},
    ShownSetting{"violation", Form::kPlain, "none"},  ShownSetting{"moves", Form::kMoves, ""},
    ShownSetting{"move_action", Form::kPlain, "log"}, ShownSetting{"recovery", Form::kSpan, "300s"},
};

// Returns the value that is shown; that at first if there is none.
std::string ValueText(const Answer& port, const ShownSetting& setting) {
  const std::string name(setting.name);
  const auto found = port.find(name);
  if (found == port.end() || found->is_null()) return std::string(setting.initial);
  const uint64_t number = found->is_number_unsigned() ? found->get<uint64_t>() : 0;
  if (setting.form == Form::kRate) {
    return RateInUnits(number, port.value(name + "_unit", Answer()) == "bit");
  }
  if (setting.form == Form::kSpan) return SpanText(*found);
  if (setting.form == Form::kMoves) {
    return fmt::format("{}/{}", number, SpanText(port.value("moves_within", Answer())));
  }
  return TextAt(port, name.c_str());
}

std::string SettingsText(const Answer& port) {
  std::string text;
  for (const ShownSetting& setting : kSettings) {
    const std::string value = ValueText(port, setting);
    if (value != setting.initial) text += fmt::format(" {} {}", setting.name, value);
  }
  return text;
}

}  // namespace

std::string NonZeroText(const Answer& counts) {
  std::string text;
  for (const auto& [name, count] : counts.items()) {
    if (count.is_number_integer() && count.get<uint64_t>() != 0) {
      text += fmt::format(" {} {}", Printable(name), count.dump());
    }
  }
  return text.empty() ? " none" : text;
}

std::string ShutDownText(const Answer& port) {
  const auto cause = port.find("shut_down");
  if (cause == port.end() || !cause->is_string()) return "";
  const auto time = port.find("recovers_in");
  const std::string rest = time == port.end() ? "" : fmt::format(", for {} more", SpanText(*time));
  return fmt::format(" (shut down: {}{})", Printable(cause->get<std::string>()), rest);
}

std::string RenderGuards(const Answer& list, bool has_all) {
  std::string text;
  for (const Answer& port : list) {
    const std::string settings = SettingsText(port) + ShutDownText(port);
    const Answer allowed = ListAt(port, "allow");
    const std::string dropped = NonZeroText(MembersAt(port, "dropped"));
    const bool is_default = settings.empty() && allowed.empty() && dropped == " none";
    if (is_default && !has_all) continue;
    text += TextAt(port, "ifname") + ":" + (is_default ? " nothing is set" : settings) + "\n";
    for (const Answer& station : allowed) {
      if (station.is_string()) text += "    allow " + Printable(station.get<std::string>()) + "\n";
    }
    if (dropped != " none") text += "    dropped:" + dropped + "\n";
  }
  return text;
}

}  // namespace tapswitch
