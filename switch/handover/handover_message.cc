#include "switch/handover/handover_message.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/handover/handover_files.h"
#include "switch/handover/json_fields.h"
#include "switch/handover/live_state_json.h"
#include "switch/handover/snooping_json.h"
#include "switch/handover/table_json.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr size_t kMostPorts = kMaxPorts;
constexpr size_t kMostCommands = 1'000'000;

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("the state has a bad {}", what));
}

json PortsToJson(const std::vector<HandedPort>& ports, OutgoingMessage& message) {
  json shown = json::array();
  for (const HandedPort& port : ports) {
    json one = HandedFilesToJson(port.handover, message);
    one["name"] = port.name;
    one["id"] = port.id.value;
    if (port.ephemeral) one["ephemeral"] = true;
    if (!port.attached_by.empty()) one["attached_by"] = port.attached_by;
    shown.push_back(std::move(one));
  }
  return shown;
}

void ReadPorts(JsonFields& fields, FileReader& files, std::vector<HandedPort>& read) {
  const json& ports = fields.Array("ports");
  if (ports.size() > kMostPorts) return fields.Note(Bad("number of ports"));
  for (const json& shown : ports) {
    JsonFields port(shown);
    read.push_back({.name = port.Text("name"),
                    .id = {static_cast<uint16_t>(port.Number("id", 0, kMaxPorts - 1))},
                    .ephemeral = port.Flag("ephemeral"),
                    .attached_by = port.Text("attached_by"),
                    .handover = files.TakeAll(port)});
    fields.Note(port.status());
  }
}

std::vector<std::string> ReadTexts(JsonFields& fields, std::string_view key) {
  const json& shown = fields.Array(key);
  std::vector<std::string> texts;
  for (const json& text : shown) {
    if (!text.is_string() || texts.size() == kMostCommands) {
      fields.Note(Bad("list of texts"));
      break;
    }
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::vector<uint64_t> ReadNumbers(JsonFields& fields, std::string_view key) {
  std::vector<uint64_t> numbers;
  for (const json& number : fields.Array(key)) {
    if (!number.is_number_unsigned() || numbers.size() == kMostCommands) {
      fields.Note(Bad("list of numbers"));
      break;
    }
    numbers.push_back(number.get<uint64_t>());
  }
  return numbers;
}

// Puts a part in its place, or its error among those of the whole.
template <typename Part>
void TakePart(JsonFields& fields, absl::StatusOr<Part> part, Part& place) {
  fields.Note(part.status());
  if (part.ok()) place = *std::move(part);
}

absl::StatusOr<json> Parse(std::string_view text, std::string_view kind) {
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Bad("form: it is no object of JSON");
  JsonFields fields(parsed);
  const uint64_t format = fields.Number("format");
  if (format != kHandoverFormat) {
    return absl::FailedPreconditionError(fmt::format(
        "the state has format {}, and this version reads format {}", format, kHandoverFormat));
  }
  if (!kind.empty() && fields.Text("kind") != kind) return Bad("kind");
  return parsed;
}

json Head(std::string_view kind) { return {{"format", kHandoverFormat}, {"kind", kind}}; }

}  // namespace

OutgoingMessage EncodePrepared(const PreparedState& state) {
  OutgoingMessage message;
  json shown = Head("prepared");
  shown["version"] = state.version;
  shown["handovers"] = state.handovers;
  shown["started"] = state.started.centiseconds;
  shown["address"] = state.address.number();
  shown["probe_key"] = {{"low", state.probe_key.low}, {"high", state.probe_key.high}};
  if (state.locks.valid()) shown["locks"] = AddFile(message, state.locks);
  if (state.control.valid()) shown["control"] = AddFile(message, state.control);
  if (state.metrics.valid()) shown["metrics"] = AddFile(message, state.metrics);
  if (state.keeper.valid()) shown["keeper"] = AddFile(message, state.keeper);
  if (!state.kernel.files.empty() || !state.kernel.numbers.empty())
    shown["kernel"] = HandedFilesToJson(state.kernel, message);
  if (!state.stored.empty()) shown["stored"] = state.stored;
  shown["commands"] = state.commands;
  shown["ports"] = PortsToJson(state.ports, message);
  shown["settled"] = state.settled;
  shown["entries"] = EntriesToJson(state.entries);
  shown["neighbours"] = NeighboursToJson(state.neighbours);
  shown["groups"] = GroupsToJson(state.groups);
  shown["live"] = LiveStateToJson(state.live);
  message.text = shown.dump(-1, ' ', false, json::error_handler_t::replace);
  return message;
}

absl::StatusOr<PreparedState> DecodePrepared(DescriptorChannel::Message message) {
  const auto parsed = Parse(message.text, "prepared");
  if (!parsed.ok()) return parsed.status();
  FileReader files(std::move(message.files));
  JsonFields fields(*parsed);
  PreparedState state{.version = fields.Text("version"),
                      .handovers = fields.Number("handovers"),
                      .started = Tick{fields.Number("started")},
                      .address = MacAddress::FromNumber(fields.Number("address")),
                      .locks = files.Take(fields, "locks"),
                      .control = files.Take(fields, "control"),
                      .metrics = files.Take(fields, "metrics"),
                      .keeper = files.Take(fields, "keeper"),
                      .stored = ReadTexts(fields, "stored"),
                      .commands = ReadTexts(fields, "commands"),
                      .settled = ReadNumbers(fields, "settled")};
  JsonFields key(fields.Object("probe_key"));
  state.probe_key = {.low = key.Number("low"), .high = key.Number("high")};
  fields.Note(key.status());
  JsonFields kernel(fields.Object("kernel"));
  state.kernel = files.TakeAll(kernel);
  fields.Note(kernel.status());
  ReadPorts(fields, files, state.ports);
  TakePart(fields, EntriesFromJson(fields.Array("entries")), state.entries);
  TakePart(fields, NeighboursFromJson(fields.Array("neighbours")), state.neighbours);
  TakePart(fields, GroupsFromJson(fields.Array("groups")), state.groups);
  TakePart(fields, LiveStateFromJson(fields.Object("live")), state.live);
  if (!fields.status().ok()) return fields.status();
  return state;
}

OutgoingMessage EncodeFinal(const FinalState& state) {
  OutgoingMessage message;
  json shown = Head("final");
  shown["paused_at"] = static_cast<uint64_t>(state.paused_at.count());
  shown["changes"] = ChangesToJson(state.changes);
  if (state.has_entries) shown["entries"] = EntriesToJson(state.entries);
  shown["groups"] = GroupsToJson(state.groups);
  shown["live"] = LiveStateToJson(state.live);
  shown["ports"] = PortsToJson(state.ports, message);
  message.text = shown.dump();
  return message;
}

absl::StatusOr<FinalState> DecodeFinal(DescriptorChannel::Message message) {
  const auto parsed = Parse(message.text, "final");
  if (!parsed.ok()) return parsed.status();
  FileReader files(std::move(message.files));
  JsonFields fields(*parsed);
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  FinalState state{.paused_at = std::chrono::nanoseconds(fields.Number("paused_at", 0, kMost)),
                   .has_entries = fields.has("entries")};
  ReadPorts(fields, files, state.ports);
  TakePart(fields, ChangesFromJson(fields.Array("changes")), state.changes);
  TakePart(fields, EntriesFromJson(fields.Array("entries")), state.entries);
  TakePart(fields, GroupsFromJson(fields.Array("groups")), state.groups);
  TakePart(fields, LiveStateFromJson(fields.Object("live")), state.live);
  if (!fields.status().ok()) return fields.status();
  return state;
}

OutgoingMessage EncodeReady() { return {.text = Head("ready").dump(), .files = {}}; }

OutgoingMessage EncodeRefusal(std::string_view why) {
  json shown = Head("refused");
  shown["why"] = why;
  return {.text = shown.dump(-1, ' ', false, json::error_handler_t::replace), .files = {}};
}

OutgoingMessage EncodeRunning(std::chrono::nanoseconds gap,
                              const std::vector<std::string>& not_kept) {
  json shown = Head("running");
  shown["gap"] = static_cast<uint64_t>(std::max<int64_t>(gap.count(), 0));
  shown["not_kept"] = not_kept;
  return {.text = shown.dump(-1, ' ', false, json::error_handler_t::replace), .files = {}};
}

absl::StatusOr<SuccessorAnswer> DecodeAnswer(std::string_view text) {
  const auto parsed = Parse(text, "");
  if (!parsed.ok()) return parsed.status();
  JsonFields fields(*parsed);
  const std::string kind = fields.Text("kind");
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  SuccessorAnswer answer{.why = fields.Text("why"),
                         .gap = std::chrono::nanoseconds(fields.Number("gap", 0, kMost)),
                         .not_kept = ReadTexts(fields, "not_kept")};
  if (!fields.status().ok()) return fields.status();
  if (kind == "ready") return answer;
  answer.kind =
      kind == "running" ? SuccessorAnswer::Kind::kRunning : SuccessorAnswer::Kind::kRefused;
  if (kind != "running" && kind != "refused") return Bad("answer");
  return answer;
}

}  // namespace tapswitch
