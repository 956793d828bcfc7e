#include "tools/tapctl/render/render_impair.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/impair_units.h"
#include "tools/tapctl/render/render_guards.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

// In billionths, bounded, as the switch may be another version.
uint64_t BillionthsAt(const Answer& object, const char* key) {
  constexpr double kMost = 1e9;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return 0;
  return static_cast<uint64_t>(std::llround(std::clamp(found->get<double>(), 0.0, kMost) * 1e9));
}

std::string TimeAt(const Answer& object, const char* key) {
  return TimeSpanText(BillionthsAt(object, key));
}

std::string PercentAt(const Answer& object, const char* key) {
  const uint64_t share = std::min<uint64_t>(BillionthsAt(object, key), FrameShare::kWhole);
  return ShareText({static_cast<uint32_t>(share)});
}

std::string DelayWords(const Answer& shown) {
  std::string words = " delay " + TimeAt(shown, "delay");
  if (BillionthsAt(shown, "jitter") == 0) return words;
  return words + fmt::format(" jitter {} distribution {}", TimeAt(shown, "jitter"),
                             TextAt(shown, "distribution"));
}

std::string LossWords(const Answer& shown) {
  std::string words = " loss " + PercentAt(shown, "loss");
  if (BillionthsAt(shown, "correlation") != 0) {
    words += " correlation " + PercentAt(shown, "correlation");
  }
  const Answer burst = MembersAt(shown, "loss_burst");
  if (burst.empty()) return words;
  return words + fmt::format(" burst {} {}", PercentAt(burst, "begins"), PercentAt(burst, "ends"));
}

std::string RateWords(const Answer& shown) {
  const uint64_t burst = NumberAt(shown, "burst");
  std::string words = " rate " + BitRateText(NumberAt(shown, "rate"));
  if (burst != 0) words += " burst " + ByteSizeText(static_cast<uint32_t>(burst));
  return words;
}

// Those of a step are there that it sets; of a direction, those that are not off.
std::string SettingWords(const Answer& shown, bool is_step) {
  const auto has = [&](const char* key) {
    return shown.contains(key) && (is_step || BillionthsAt(shown, key) != 0);
  };
  std::string words;
  if (has("delay")) words += DelayWords(shown);
  if (has("loss") || shown.contains("loss_burst")) words += LossWords(shown);
  for (const char* share : {"duplicate", "reorder", "corrupt"}) {
    if (has(share)) words += fmt::format(" {} {}", share, PercentAt(shown, share));
  }
  if (has("rate")) words += RateWords(shown);
  return words;
}

std::string PlaceWords(const Answer& shown) {
  const Answer match = MembersAt(shown, "match");
  std::string words = " limit " + TextAt(shown, "limit");
  for (const char* what : {"vlan", "mac"}) {
    if (match.contains(what)) words += fmt::format(" match {} {}", what, TextAt(match, what));
  }
  if (TextAt(shown, "gso") == "keep") words += " gso keep";
  return words + " seed " + TextAt(shown, "seed");
}

std::string ScheduleWords(const Answer& shown) {
  std::string words;
  for (const Answer& step : ListAt(shown, "schedule")) {
    words += " at " + TimeAt(step, "at") + SettingWords(step, true);
    if (step.contains("for")) words += " for " + TimeAt(step, "for");
  }
  return words;
}

}  // namespace

std::string RenderImpairments(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& shown : list) {
    text += fmt::format("dev {} {}{}{}\n", TextAt(shown, "ifname"), TextAt(shown, "direction"),
                        SettingWords(shown, false), PlaceWords(shown));
    const std::string schedule = ScheduleWords(shown);
    if (!schedule.empty()) text += "    schedule" + schedule + "\n";
    if (!options.statistics) continue;
    text += fmt::format("    held {}\n    frames:{}\n", TextAt(shown, "held"),
                        NonZeroText(MembersAt(shown, "counters")));
  }
  return text;
}

std::string ImpairedText(const Answer& port) {
  std::string text;
  for (const Answer& direction : ListAt(port, "impaired")) {
    if (!direction.is_string()) continue;
    text += (text.empty() ? " (impaired: " : ", ") + Printable(direction.get<std::string>());
  }
  return text.empty() ? text : text + ")";
}

}  // namespace tapswitch
