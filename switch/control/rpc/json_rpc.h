// JSON-RPC 2.0 (jsonrpc.org/specification), one line a message. Pure: text in, text out.

#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "switch/control/rpc/json_text.h"

namespace tapswitch {

enum class RpcError : int {
  kRefused = 1,  // understood, but the switch will not or cannot
  kParseError = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kInternalError = -32603,
};

// A whole configuration is at most some thousand commands and may come in several batches; each
// request costs a reply of its own.
inline constexpr size_t kMaxBatch = 1000;

// Once the reply to a batch is this long, its remaining requests are refused instead of carried
// out: a thousand times the largest table would not fit into memory.
inline constexpr size_t kMaxBatchReply = 16U << 20U;

// Carries out a method; `params` is always an object, empty when there were none. The status of
// an error becomes its code: InvalidArgument is -32602, Unimplemented is -32601, all else is 1.
using MethodHandler = std::function<absl::StatusOr<JsonText>(const std::string& method,
                                                             const nlohmann::json& params)>;

// The reply to a line (given without its '\n'), which ends in '\n'; empty when none is due because
// it held notifications only. Ids are echoed as they were written. Never throws, whatever the line
// is; a handler that throws nlohmann's exceptions is answered for with -32603.
[[nodiscard]] std::string AnswerLine(std::string_view line, const MethodHandler& handler);

// Both end in '\n'. An error without a request has the id null.
[[nodiscard]] std::string NotificationLine(std::string_view method,
                                           const nlohmann::ordered_json& params);
[[nodiscard]] std::string ErrorLine(RpcError code, std::string_view message);

}  // namespace tapswitch
