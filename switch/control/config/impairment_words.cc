#include "switch/control/config/impairment_words.h"

#include <algorithm>
#include <array>
#include <span>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/impair_units.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, kPortDirectionCount> kDirectionNames{"ingress", "egress"};
constexpr std::array<std::string_view, 3> kDistributionNames{"uniform", "normal", "pareto"};

std::vector<std::string_view> WordsIn(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (!word.empty()) words.push_back(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return words;
}

// ----- reading ----------------------------------------------------------------------------------

template <typename Value>
absl::Status Take(absl::StatusOr<Value> parsed, Value& target) {
  if (!parsed.ok()) return parsed.status();
  target = *std::move(parsed);
  return absl::OkStatus();
}

absl::Status SetDistribution(std::string_view text, DelayDistribution& distribution) {
  const auto* const found = std::ranges::find(kDistributionNames, text);
  if (found == kDistributionNames.end()) {
    return absl::InvalidArgumentError(
        fmt::format("'{:.100}': expected uniform, normal or pareto", text));
  }
  distribution = static_cast<DelayDistribution>(found - kDistributionNames.begin());
  return absl::OkStatus();
}

// "5% 30%"
absl::Status SetBursts(std::string_view text, LossSettings& loss) {
  const std::vector<std::string_view> parts = WordsIn(text);
  if (parts.size() != 2) {
    return absl::InvalidArgumentError(fmt::format(
        "'{:.100}': expected two percentages, of frames before which a burst begins and ends",
        text));
  }
  absl::Status begins = Take(ParseShare(parts[0]), loss.burst_begins);
  if (!begins.ok()) return begins;
  absl::Status ends = Take(ParseShare(parts[1]), loss.burst_ends);
  if (!ends.ok()) return ends;
  if (loss.burst_begins.empty()) loss.burst_ends = {};
  if (loss.burst_begins.empty() || !loss.burst_ends.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("'{:.100}': a burst would never end: give the second percentage", text));
}

absl::Status SetSmallNumber(std::string_view text, uint64_t least, uint64_t most,
                            uint32_t& target) {
  uint64_t number = 0;
  const bool is_number = !text.empty() && text.size() <= 10 &&
                         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (is_number) number = std::stoull(std::string(text));
  if (!is_number || number < least || number > most) {
    return absl::InvalidArgumentError(
        fmt::format("'{:.100}': expected a number from {} to {}", text, least, most));
  }
  target = static_cast<uint32_t>(number);
  return absl::OkStatus();
}

absl::Status SetMatchedVlan(std::string_view text, ImpairmentMatch& match) {
  uint32_t vlan = 0;
  absl::Status set = SetSmallNumber(text, kLeastVlan.value, kMostVlan.value, vlan);
  if (set.ok()) match.vlan = VlanId{static_cast<uint16_t>(vlan)};
  return set;
}

absl::Status SetMatchedMac(std::string_view text, ImpairmentMatch& match) {
  const auto address = MacAddress::Parse(text);
  if (!address || address->is_zero()) {
    return absl::InvalidArgumentError(
        fmt::format("'{:.100}': expected a MAC address, such as 02:00:00:00:00:01", text));
  }
  match.mac = *address;
  return absl::OkStatus();
}

absl::Status SetGso(std::string_view text, ImpairmentPlan& plan) {
  if (text != "cut" && text != "keep") {
    return absl::InvalidArgumentError(fmt::format("'{:.100}': expected cut or keep", text));
  }
  plan.keeps_gso = text == "keep";
  return absl::OkStatus();
}

struct ImpairmentWord {
  std::string_view name;
  uint8_t part;  // of ImpairmentPart; 0: no step of a schedule has it
  absl::Status (*set)(std::string_view text, ImpairmentPlan& plan);
};

constexpr std::array kImpairmentWords{
    ImpairmentWord{"delay", PartBit(ImpairmentPart::kDelay),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseTimeSpan(text), plan.settings.delay.delay);
                   }},
    ImpairmentWord{"jitter", PartBit(ImpairmentPart::kDelay),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseTimeSpan(text), plan.settings.delay.jitter);
                   }},
    ImpairmentWord{"distribution", PartBit(ImpairmentPart::kDelay),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return SetDistribution(text, plan.settings.delay.distribution);
                   }},
    ImpairmentWord{"loss", PartBit(ImpairmentPart::kLoss),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseShare(text), plan.settings.loss.random);
                   }},
    ImpairmentWord{"correlation", PartBit(ImpairmentPart::kLoss),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseShare(text), plan.settings.loss.correlation);
                   }},
    ImpairmentWord{"loss_burst", PartBit(ImpairmentPart::kLoss),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return SetBursts(text, plan.settings.loss);
                   }},
    ImpairmentWord{"duplicate", PartBit(ImpairmentPart::kDuplicate),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseShare(text), plan.settings.duplicate);
                   }},
    ImpairmentWord{"reorder", PartBit(ImpairmentPart::kReorder),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseShare(text), plan.settings.reorder);
                   }},
    ImpairmentWord{"corrupt", PartBit(ImpairmentPart::kCorrupt),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseShare(text), plan.settings.corrupt);
                   }},
    ImpairmentWord{"rate", PartBit(ImpairmentPart::kRate),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseBitRate(text), plan.settings.rate.bits_per_second);
                   }},
    ImpairmentWord{"burst", PartBit(ImpairmentPart::kRate),
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return Take(ParseByteSize(text), plan.settings.rate.burst);
                   }},
    ImpairmentWord{"limit", 0,
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return SetSmallNumber(text, 1, ImpairmentPlan::kMostHeld, plan.limit);
                   }},
    ImpairmentWord{"vlan", 0,
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return SetMatchedVlan(text, plan.match);
                   }},
    ImpairmentWord{"mac", 0,
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return SetMatchedMac(text, plan.match);
                   }},
    ImpairmentWord{"gso", 0, SetGso},
    ImpairmentWord{"seed", 0,
                   [](std::string_view text, ImpairmentPlan& plan) {
                     return SetSmallNumber(text, 0, UINT32_MAX, plan.seed);
                   }},
};

const ImpairmentWord* FindImpairmentWord(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kImpairmentWords, [&](const auto& one) { return one.name == name; });
  return found == kImpairmentWords.end() ? nullptr : found;
}

absl::Status SetNamed(const ImpairmentWord& word, std::string_view text, ImpairmentPlan& plan) {
  absl::Status set = word.set(text, plan);
  if (set.ok()) return set;
  return absl::InvalidArgumentError(fmt::format("{} {}", word.name, std::string(set.message())));
}

absl::Status Contradiction(std::string_view text) {
  return absl::InvalidArgumentError(std::string(text));
}

absl::Status CheckDistribution(const DelaySettings& delay) {
  const bool is_used = delay.jitter != 0 || delay.distribution == DelayDistribution::kUniform;
  return is_used ? absl::OkStatus()
                 : Contradiction("distribution: it is that of jitter: add jitter TIME");
}

// ----- schedules --------------------------------------------------------------------------------

class ScheduleReader {
 public:
  explicit ScheduleReader(std::string_view text) : words_(WordsIn(text)) {}

  absl::StatusOr<std::vector<ImpairmentStep>> Read() {
    std::vector<ImpairmentStep> steps;
    do {
      auto step = ReadStep();
      if (!step.ok()) return step.status();
      steps.push_back(*step);
      if (steps.size() > ImpairmentPlan::kMostSteps) {
        return absl::InvalidArgumentError(
            fmt::format("at: a schedule has up to {} steps", ImpairmentPlan::kMostSteps));
      }
    } while (Skip("at"));
    if (words_.empty()) return steps;
    return absl::InvalidArgumentError(
        fmt::format("unexpected '{:.100}': expected at TIME, the "
                    "settings of a step, or for TIME at its end",
                    words_.front()));
  }

 private:
  absl::StatusOr<ImpairmentStep> ReadStep() {
    ImpairmentStep step;
    if (absl::Status at = ReadSpan("at", step.at); !at.ok()) return at;
    ImpairmentPlan plan;
    while (!words_.empty()) {
      const ImpairmentWord* const word = FindImpairmentWord(NameOfWord());
      if (word == nullptr || word->part == 0) break;
      words_.erase(words_.begin());
      if (absl::Status set = SetNamed(*word, TakeValue(*word), plan); !set.ok()) return set;
      step.parts |= word->part;
    }
    if (step.parts == 0) {
      return absl::InvalidArgumentError(
          "at: a step changes something: expected loss, delay, duplicate, reorder, corrupt or "
          "rate");
    }
    if (absl::Status sound = CheckDistribution(plan.settings.delay); !sound.ok()) return sound;
    if (Skip("for")) {
      if (absl::Status span = ReadSpan("for", step.span); !span.ok()) return span;
      if (step.span == 0) {
        return absl::InvalidArgumentError("for '0s': expected some time, such as 2s");
      }
    }
    step.settings = plan.settings;
    return step;
  }

  bool Skip(std::string_view word) {
    if (words_.empty() || words_.front() != word) return false;
    words_.erase(words_.begin());
    return true;
  }

  absl::Status ReadSpan(std::string_view word, Nanoseconds& span) {
    const std::string_view text = words_.empty() ? "" : words_.front();
    if (!words_.empty()) words_.erase(words_.begin());
    absl::Status read = Take(ParseTimeSpan(text), span);
    if (read.ok()) return read;
    return absl::InvalidArgumentError(fmt::format("{} {}", word, std::string(read.message())));
  }

  // A burst is one of losses where a percentage follows.
  [[nodiscard]] std::string_view NameOfWord() const {
    const bool is_loss = words_.front() == "burst" && words_.size() > 1 && words_[1].ends_with('%');
    return is_loss ? "loss_burst" : words_.front();
  }

  std::string TakeValue(const ImpairmentWord& word) {
    const size_t count = std::min<size_t>(words_.size(), word.name == "loss_burst" ? 2 : 1);
    std::string value;
    for (size_t i = 0; i < count; ++i) value += (i == 0 ? "" : " ") + std::string(words_[i]);
    words_.erase(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(count));
    return value;
  }

  std::vector<std::string_view> words_;
};

}  // namespace

absl::Status SetImpairmentWord(std::string_view name, const json& value, ImpairmentPlan& plan) {
  const ImpairmentWord* const word = FindImpairmentWord(name);
  if (word == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("'{:.100}' is nothing that is impaired: see tapctl help impair set", name));
  }
  if (value.is_string()) return SetNamed(*word, value.get_ref<const std::string&>(), plan);
  if (value.is_number_unsigned()) return SetNamed(*word, value.dump(), plan);
  return absl::InvalidArgumentError(
      fmt::format("{} {:.100}: expected a text or a number", name,
                  value.dump(-1, ' ', false, json::error_handler_t::replace)));
}

absl::StatusOr<std::vector<ImpairmentStep>> ParseSchedule(std::string_view text) {
  return ScheduleReader(text).Read();
}

absl::Status CheckImpairment(const ImpairmentPlan& plan) {
  const ImpairmentSettings& settings = plan.settings;
  if (plan.is_set && settings == ImpairmentSettings()) {
    return Contradiction(
        "nothing is to be impaired: add delay, loss, duplicate, reorder, corrupt or rate, or use "
        "impair del");
  }
  if (settings.delay.jitter != 0 && settings.delay.delay == 0) {
    return Contradiction("jitter: it is that of a delay: add delay TIME");
  }
  if (absl::Status sound = CheckDistribution(settings.delay); !sound.ok()) return sound;
  if (!settings.reorder.empty() && settings.delay.delay == 0) {
    return Contradiction("reorder: such frames overtake those that are delayed: add delay TIME");
  }
  if (!settings.loss.correlation.empty() && settings.loss.random.empty()) {
    return Contradiction("correlation: it is that of random losses: add loss PERCENTAGE");
  }
  if (settings.rate.burst != 0 && settings.rate.bits_per_second == 0) {
    return Contradiction("burst: it is that of a rate: add rate RATE");
  }
  if (plan.keeps_gso && !settings.corrupt.empty()) {
    return Contradiction(
        "corrupt: receivers would not notice it in frames that are not cut: use gso cut");
  }
  return absl::OkStatus();
}

// FNV-1a.
uint32_t DefaultSeed(std::string_view port, PortDirection direction) {
  uint32_t hash = 2166136261U ^ static_cast<uint32_t>(direction);
  for (const char c : port) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

std::string_view NameOf(DelayDistribution distribution) {
  return kDistributionNames[static_cast<size_t>(distribution)];
}

std::string_view NameOf(PortDirection direction) {
  return kDirectionNames[static_cast<size_t>(direction)];
}

std::optional<PortDirection> ParsePortDirection(std::string_view name) {
  const auto* const found = std::ranges::find(kDirectionNames, name);
  if (found == kDirectionNames.end()) return std::nullopt;
  return static_cast<PortDirection>(found - kDirectionNames.begin());
}

}  // namespace tapswitch
