// Fuzzes AnswerLine: whatever a line is, the answer is none, or one line of JSON-RPC replies.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "switch/control/rpc/json_rpc.h"

namespace tapswitch {
namespace {

using Json = nlohmann::json;

void Require(bool condition) {
  if (!condition) std::abort();
}

absl::StatusOr<JsonText> Handle(const std::string& method, const Json& params) {
  Require(params.is_object());
  if (method == "refuse") return absl::NotFoundError(params.dump() + "\xff");
  if (method == "invalid") return absl::InvalidArgumentError(method);
  if (method == "throw") return params.at("missing");
  if (method == "none") return absl::UnimplementedError(method);
  return Json{{method, params}};
}

void CheckReply(const Json& reply) {
  Require(reply.is_object() && reply.size() == 3 && reply["jsonrpc"] == "2.0");
  const Json& id = reply.at("id");
  Require(id.is_null() || id.is_string() || id.is_number());
  Require(reply.contains("result") || (reply.at("error").at("code").is_number_integer() &&
                                       reply.at("error").at("message").is_string()));
}

void CheckAnswer(const std::string& answer) {
  if (answer.empty()) return;
  Require(answer.find('\n') == answer.size() - 1);
  const Json reply = Json::parse(answer, nullptr, false);
  Require(!reply.is_discarded());
  if (!reply.is_array()) return CheckReply(reply);
  Require(!reply.empty() && reply.size() <= kMaxBatch);
  for (const Json& each : reply) CheckReply(each);
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const std::string answer = tapswitch::AnswerLine(line, tapswitch::Handle);
  tapswitch::CheckAnswer(answer);
  // Deterministic: nothing is left over from one line to the next.
  tapswitch::Require(answer == tapswitch::AnswerLine(line, tapswitch::Handle));
  return 0;
}
