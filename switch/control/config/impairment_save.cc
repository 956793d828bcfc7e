// Writes impairments as words and as JSON.

#include <algorithm>
#include <array>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/impair_units.h"
#include "switch/control/config/impairment_words.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

double InSeconds(Nanoseconds span) {
  return static_cast<double>(span) / static_cast<double>(kNanosecondsPerSecond);
}
double AsFraction(FrameShare share) {
  return static_cast<double>(share.billionths) / static_cast<double>(FrameShare::kWhole);
}

// ----- writing ----------------------------------------------------------------------------------

void AppendWords(const DelaySettings& delay, std::string& words) {
  words += " delay " + TimeSpanText(delay.delay);
  if (delay.jitter == 0) return;
  words += fmt::format(" jitter {} distribution {}", TimeSpanText(delay.jitter),
                       NameOf(delay.distribution));
}

void AppendWords(const LossSettings& loss, std::string& words) {
  words += " loss " + ShareText(loss.random);
  if (!loss.correlation.empty()) words += " correlation " + ShareText(loss.correlation);
  if (!loss.has_bursts()) return;
  words += fmt::format(" burst {} {}", ShareText(loss.burst_begins), ShareText(loss.burst_ends));
}

void AppendWords(const RateSettings& rate, std::string& words) {
  words += " rate " + BitRateText(rate.bits_per_second);
  if (rate.burst != 0) words += " burst " + ByteSizeText(rate.burst);
}

// Writes the parts that are named.
std::string WordsOfParts(const ImpairmentSettings& settings, uint8_t parts) {
  const auto has = [parts](ImpairmentPart part) { return (parts & PartBit(part)) != 0; };
  std::string words;
  if (has(ImpairmentPart::kDelay)) AppendWords(settings.delay, words);
  if (has(ImpairmentPart::kLoss)) AppendWords(settings.loss, words);
  const auto share = [&](ImpairmentPart part, std::string_view name, FrameShare value) {
    if (has(part)) words += fmt::format(" {} {}", name, ShareText(value));
  };
  share(ImpairmentPart::kDuplicate, "duplicate", settings.duplicate);
  share(ImpairmentPart::kReorder, "reorder", settings.reorder);
  share(ImpairmentPart::kCorrupt, "corrupt", settings.corrupt);
  if (has(ImpairmentPart::kRate)) AppendWords(settings.rate, words);
  return words;
}

uint8_t PartsInUse(const ImpairmentSettings& settings) {
  const ImpairmentSettings none;
  unsigned parts = 0;
  const auto note = [&](ImpairmentPart part, bool is_used) {
    if (is_used) parts |= PartBit(part);
  };
  note(ImpairmentPart::kDelay, settings.delay != none.delay);
  note(ImpairmentPart::kLoss, settings.loss != none.loss);
  note(ImpairmentPart::kDuplicate, settings.duplicate != none.duplicate);
  note(ImpairmentPart::kReorder, settings.reorder != none.reorder);
  note(ImpairmentPart::kCorrupt, settings.corrupt != none.corrupt);
  note(ImpairmentPart::kRate, settings.rate != none.rate);
  return static_cast<uint8_t>(parts);
}

// ----- showing ----------------------------------------------------------------------------------

void ShowSettings(const ImpairmentSettings& settings, ordered_json& shown) {
  shown["delay"] = InSeconds(settings.delay.delay);
  shown["jitter"] = InSeconds(settings.delay.jitter);
  shown["distribution"] = NameOf(settings.delay.distribution);
  shown["loss"] = AsFraction(settings.loss.random);
  shown["correlation"] = AsFraction(settings.loss.correlation);
  if (settings.loss.has_bursts()) {
    shown["loss_burst"] = {{"begins", AsFraction(settings.loss.burst_begins)},
                           {"ends", AsFraction(settings.loss.burst_ends)}};
  }
  shown["duplicate"] = AsFraction(settings.duplicate);
  shown["reorder"] = AsFraction(settings.reorder);
  shown["corrupt"] = AsFraction(settings.corrupt);
  shown["rate"] = settings.rate.bits_per_second;
  shown["burst"] = settings.rate.burst;
}

struct ShownPart {
  const char* key;
  ImpairmentPart part;
};
constexpr std::array kShownParts{
    ShownPart{"delay", ImpairmentPart::kDelay},
    ShownPart{"jitter", ImpairmentPart::kDelay},
    ShownPart{"distribution", ImpairmentPart::kDelay},
    ShownPart{"loss", ImpairmentPart::kLoss},
    ShownPart{"correlation", ImpairmentPart::kLoss},
    ShownPart{"loss_burst", ImpairmentPart::kLoss},
    ShownPart{"duplicate", ImpairmentPart::kDuplicate},
    ShownPart{"reorder", ImpairmentPart::kReorder},
    ShownPart{"corrupt", ImpairmentPart::kCorrupt},
    ShownPart{"rate", ImpairmentPart::kRate},
    ShownPart{"burst", ImpairmentPart::kRate},
};

ordered_json ShowStep(const ImpairmentStep& step) {
  ordered_json all;
  ShowSettings(step.settings, all);
  ordered_json shown{{"at", InSeconds(step.at)}};
  if (step.span != 0) shown["for"] = InSeconds(step.span);
  for (const auto& [key, part] : kShownParts) {
    if (step.has(part) && all.contains(key)) shown[key] = all[key];
  }
  return shown;
}

}  // namespace

std::string SettingsAsWords(const ImpairmentSettings& settings) {
  return WordsOfParts(settings, PartsInUse(settings));
}

std::string ImpairmentAsWords(const ImpairmentPlan& plan) {
  std::string words = SettingsAsWords(plan.settings);
  if (plan.limit != 0) words += fmt::format(" limit {}", plan.limit);
  if (plan.match.vlan != kNoVlan) words += fmt::format(" match vlan {}", plan.match.vlan.value);
  if (!plan.match.mac.is_zero()) words += " match mac " + plan.match.mac.ToString();
  if (plan.keeps_gso) words += " gso keep";
  return words + fmt::format(" seed {}", plan.seed);
}

std::string ScheduleAsWords(const ImpairmentPlan& plan) {
  std::string words;
  for (const ImpairmentStep& step : plan.schedule) {
    words += " at " + TimeSpanText(step.at) + WordsOfParts(step.settings, step.parts);
    if (step.span != 0) words += " for " + TimeSpanText(step.span);
  }
  return words;
}

void ShowImpairment(const ImpairmentPlan& plan, ordered_json& shown) {
  ShowSettings(plan.settings, shown);
  shown["limit"] = HeldLimit(plan);
  shown["gso"] = plan.keeps_gso ? "keep" : "cut";
  if (!plan.match.matches_all()) {
    ordered_json& match = shown["match"] = ordered_json::object();
    if (plan.match.vlan != kNoVlan) match["vlan"] = plan.match.vlan.value;
    if (!plan.match.mac.is_zero()) match["mac"] = plan.match.mac.ToString();
  }
  shown["seed"] = plan.seed;
  if (plan.schedule.empty()) return;
  auto steps = ordered_json::array();
  for (const ImpairmentStep& step : plan.schedule) steps.push_back(ShowStep(step));
  shown["schedule"] = std::move(steps);
}

void SaveImpairments(const std::string& name, const PortImpairmentPlans& from,
                     const PortImpairmentPlans& to, std::vector<std::string>& lines) {
  for (size_t i = 0; i < kPortDirectionCount; ++i) {
    const ImpairmentPlan& before = from[i];
    const ImpairmentPlan& after = to[i];
    if (before == after) continue;
    const std::string place = fmt::format("dev {} {}", name, NameOf(static_cast<PortDirection>(i)));
    const bool is_ended = before.is_on() && (!after.is_on() || (before.is_set && !after.is_set));
    if (is_ended) lines.push_back("impair del " + place);
    ImpairmentPlan same_schedule = after;
    same_schedule.schedule = before.schedule;
    if (after.is_set && same_schedule != before) {
      lines.push_back("impair set " + place + ImpairmentAsWords(after));
    }
    const auto kept = is_ended ? std::vector<ImpairmentStep>() : before.schedule;
    if (after.schedule == kept) continue;
    lines.push_back("impair schedule " + place +
                    (after.schedule.empty() ? " off" : ScheduleAsWords(after)));
  }
}

}  // namespace tapswitch
