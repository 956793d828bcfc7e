#include "switch/keeper/keeper_message.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"
#include "switch/handover/json_fields.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<KeeperCall::Kind, std::string_view>, 6> kCalls{{
    {KeeperCall::Kind::kHello, "hello"},
    {KeeperCall::Kind::kKeep, "keep"},
    {KeeperCall::Kind::kForget, "forget"},
    {KeeperCall::Kind::kGiveUp, "give_up"},
    {KeeperCall::Kind::kReady, "ready"},
    {KeeperCall::Kind::kEnd, "end"},
}};

std::string Text(const json& shown) {
  return shown.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<json> ParseObject(std::string_view text) {
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_object()) return parsed;
  return absl::InvalidArgumentError("what the keeper or its switch sends is no object of JSON");
}

}  // namespace

OutgoingMessage EncodeCall(const KeeperCall& call) {
  OutgoingMessage message;
  json shown = HandedFilesToJson(call.files, message);
  shown["kind"] = std::find_if(kCalls.begin(), kCalls.end(), [&](const auto& known) {
                    return known.first == call.kind;
                  })->second;
  shown["part"] = call.part;
  message.text = Text(shown);
  return message;
}

absl::StatusOr<KeeperCall> DecodeCall(DescriptorChannel::Message message) {
  const auto parsed = ParseObject(message.text);
  if (!parsed.ok()) return parsed.status();
  FileReader files(std::move(message.files));
  JsonFields fields(*parsed);
  KeeperCall call{.part = fields.Text("part"), .files = files.TakeAll(fields)};
  const std::string kind = fields.Text("kind");
  if (!fields.status().ok()) return fields.status();
  const auto* const known = std::find_if(kCalls.begin(), kCalls.end(),
                                         [&](const auto& one) { return one.second == kind; });
  if (known == kCalls.end()) {
    return absl::InvalidArgumentError(fmt::format("'{}' is no call that a keeper knows", kind));
  }
  call.kind = known->first;
  return call;
}

OutgoingMessage EncodeKeeperAnswer(const KeptParts& parts, std::chrono::nanoseconds died_at) {
  OutgoingMessage message;
  json shown{{"died_at", static_cast<uint64_t>(died_at.count())}, {"parts", json::object()}};
  for (const auto& [name, part] : parts) {
    shown["parts"][name] = HandedFilesToJson(part, message);
  }
  message.text = Text(shown);
  return message;
}

absl::StatusOr<KeeperAnswer> DecodeKeeperAnswer(DescriptorChannel::Message message) {
  const auto parsed = ParseObject(message.text);
  if (!parsed.ok()) return parsed.status();
  FileReader files(std::move(message.files));
  JsonFields fields(*parsed);
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  KeeperAnswer answer{.died_at = std::chrono::nanoseconds(fields.Number("died_at", 0, kMost))};
  for (const auto& [name, shown] : fields.Object("parts").items()) {
    JsonFields part(shown);
    answer.parts.emplace(name, files.TakeAll(part));
    fields.Note(part.status());
  }
  if (!fields.status().ok()) return fields.status();
  return answer;
}

}  // namespace tapswitch
