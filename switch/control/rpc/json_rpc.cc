#include "switch/control/rpc/json_rpc.h"

#include <optional>

#include "ports/os/text.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/rpc/request_parser.h"

namespace tapswitch {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

struct Fault {
  RpcError code;
  std::string message;
};

// Replaces bytes that are not UTF-8 (names of files and interfaces may have them), on which dump()
// would throw.
std::string Dump(const OrderedJson& value) {
  return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string ResultReply(const JsonText& result, std::string_view id) {
  constexpr std::string_view kBegin = R"({"jsonrpc":"2.0","result":)";
  constexpr std::string_view kBeforeId = R"(,"id":)";
  std::string reply;
  reply.reserve(kBegin.size() + result.text().size() + kBeforeId.size() + id.size() + 2);
  reply += kBegin;
  reply += result.text();
  reply += kBeforeId;
  reply += id;
  reply += '}';
  return reply;
}

std::string ErrorReply(const Fault& fault, std::string_view id) {
  return fmt::format(R"({{"jsonrpc":"2.0","error":{{"code":{},"message":{}}},"id":{}}})",
                     static_cast<int>(fault.code), Dump(fault.message), id);
}

RpcError CodeOf(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return RpcError::kInvalidParams;
  if (absl::IsUnimplemented(status)) return RpcError::kMethodNotFound;
  return RpcError::kRefused;
}

bool IsId(const Json& value) { return value.is_string() || value.is_number() || value.is_null(); }

// Returns the reason why a request is invalid by JSON-RPC, if it is.
std::optional<Fault> FindFault(const Json& request) {
  const auto fault = [](std::string_view message) {
    return Fault{RpcError::kInvalidRequest, std::string(message)};
  };
  if (!request.is_object()) return fault("a request is an object");
  if (const auto version = request.find("jsonrpc"); version == request.end() || *version != "2.0") {
    return fault(R"(no member "jsonrpc":"2.0", which every request has)");
  }
  if (const auto method = request.find("method"); method == request.end() || !method->is_string()) {
    return fault(R"(no member "method", a string that names what to do)");
  }
  if (const auto id = request.find("id"); id != request.end() && !IsId(*id)) {
    return fault(R"("id" is neither a string nor a number nor null)");
  }
  if (const auto params = request.find("params");
      params != request.end() && !params->is_structured()) {
    return fault(R"("params" is not an object)");
  }
  return std::nullopt;
}

absl::StatusOr<JsonText> CallHandler(const Json& request, const MethodHandler& handler) {
  const auto params = request.find("params");
  const Json none = Json::object();
  return handler(request["method"].get_ref<const std::string&>(),
                 params == request.end() ? none : *params);
}

class Answerer {
 public:
  Answerer(const RequestDocument& document, const MethodHandler& handler)
      : document_(document), handler_(handler) {}

  // Without '\n'.
  [[nodiscard]] std::string AnswerAll() const {
    if (!document_.root.is_array()) return Answer(document_.root, 0, /*refuse=*/false);
    const size_t size = document_.root.size();
    if (size == 0) return ErrorReply({RpcError::kInvalidRequest, "the batch is empty"}, "null");
    if (size > kMaxBatch) {
      return ErrorReply(
          {RpcError::kInvalidRequest,
           fmt::format("a batch of {} requests: send at most {} in one", size, kMaxBatch)},
          "null");
    }
    return AnswerBatch();
  }

 private:
  [[nodiscard]] std::string AnswerBatch() const {
    std::string replies;
    for (size_t i = 0; i < document_.root.size(); ++i) {
      const std::string reply =
          Answer(document_.root[i], i, /*refuse=*/replies.size() > kMaxBatchReply);
      if (reply.empty()) continue;
      replies += replies.empty() ? '[' : ',';
      replies += reply;
    }
    if (!replies.empty()) replies += ']';
    return replies;
  }

  // Empty for a notification. With `refuse`, what would be answered with a result is refused.
  [[nodiscard]] std::string Answer(const Json& request, size_t index, bool refuse) const {
    const bool has_id = request.is_object() && request.contains("id");
    const std::string id =
        has_id && IsId(request["id"]) ? document_.IdText(index) : std::string("null");
    if (const std::optional<Fault> fault = FindFault(request)) return ErrorReply(*fault, id);
    if (refuse && has_id) {
      return ErrorReply({RpcError::kRefused,
                         fmt::format("not done: the reply to this batch is longer than {} MiB "
                                     "already; send it in smaller batches",
                                     kMaxBatchReply >> 20U)},
                        id);
    }
    const std::string reply = Perform(request, id);
    return has_id ? reply : std::string();
  }

  [[nodiscard]] std::string Perform(const Json& request, std::string_view id) const {
    if (const auto params = request.find("params"); params != request.end() && params->is_array()) {
      return ErrorReply({RpcError::kInvalidParams, R"("params" is an array: give them by name)"},
                        id);
    }
    // A mistake in a method must not end the switch: frames are worth more than the answer.
    try {
      const absl::StatusOr<JsonText> result = CallHandler(request, handler_);
      if (result.ok()) return ResultReply(*result, id);
      return ErrorReply({CodeOf(result.status()), WithCure(std::string(result.status().message()))},
                        id);
    } catch (const Json::exception& error) {
      return ErrorReply({RpcError::kInternalError, fmt::format("a bug: {}", error.what())}, id);
    }
  }

  const RequestDocument& document_;
  const MethodHandler& handler_;
};

}  // namespace

std::string AnswerLine(std::string_view line, const MethodHandler& handler) {
  const absl::StatusOr<RequestDocument> document = ParseRequestDocument(line);
  if (!document.ok()) {
    return ErrorLine(RpcError::kParseError, std::string(document.status().message()));
  }
  std::string answer = Answerer(*document, handler).AnswerAll();
  if (!answer.empty()) answer += '\n';
  return answer;
}

std::string NotificationLine(std::string_view method, const OrderedJson& params) {
  return fmt::format(R"({{"jsonrpc":"2.0","method":{},"params":{}}})"
                     "\n",
                     Dump(method), Dump(params));
}

std::string ErrorLine(RpcError code, std::string_view message) {
  return ErrorReply({code, std::string(message)}, "null") + '\n';
}

}  // namespace tapswitch
