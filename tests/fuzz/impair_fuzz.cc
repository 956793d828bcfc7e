// Input: words behind `impair set` or `impair schedule`, as a startup file or a client has them.
// The first byte says which.
//
// Whatever they are, they are refused in words, or they become settings whose own words, read
// again, are the same settings.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "switch/control/commands/batch_reader.h"
#include "switch/control/commands/parse_command.h"
#include "switch/control/config/impairment_words.h"

namespace tapswitch {
namespace {

using nlohmann::json;

void Require(bool condition) {
  if (!condition) std::abort();
}

absl::Status Refused(absl::Status why) {
  Require(!why.message().empty());
  return why;
}

absl::StatusOr<json> ParamsOf(const std::string& line) {
  const auto words = SplitLine(line);
  if (!words.ok()) return Refused(words.status());
  auto request = ParseCommand(*words);
  if (!request.ok()) return Refused(request.status());
  return std::move(request->params);
}

absl::StatusOr<ImpairmentPlan> PlanOf(const json& params) {
  ImpairmentPlan plan{.is_set = true};
  for (const auto& [name, value] : params.items()) {
    if (name == "dev" || name == "direction") continue;
    if (absl::Status set = SetImpairmentWord(name, value, plan); !set.ok()) return Refused(set);
  }
  if (absl::Status checked = CheckImpairment(plan); !checked.ok()) return Refused(checked);
  return plan;
}

void CheckSettings(const std::string& words) {
  const auto params = ParamsOf("impair set dev p " + words);
  if (!params.ok()) return;
  const auto plan = PlanOf(*params);
  if (!plan.ok()) return;
  nlohmann::ordered_json shown;
  ShowImpairment(*plan, shown);
  const auto again = ParamsOf("impair set dev p" + ImpairmentAsWords(*plan));
  Require(again.ok());
  const auto same = PlanOf(*again);
  Require(same.ok() && *same == *plan);
}

void CheckSchedule(const std::string& words) {
  const auto steps = ParseSchedule(words);
  if (!steps.ok()) return static_cast<void>(Refused(steps.status()));
  ImpairmentPlan plan{.schedule = *steps};
  std::string text = ScheduleAsWords(plan);
  constexpr std::string_view kFirst = " at ";
  Require(steps->empty() || text.starts_with(kFirst));
  if (steps->empty()) return;
  const auto again = ParseSchedule(text.substr(kFirst.size()));
  Require(again.ok() && *again == *steps);
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string words(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1U) != 0) {
    tapswitch::CheckSchedule(words);
  } else {
    tapswitch::CheckSettings(words);
  }
  return 0;
}
