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
  kRefused = 1,  // the switch refuses the request, or fails
  kParseError = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kInternalError = -32603,
};

// The maximum of requests in a batch. A whole configuration is at most some thousand commands and
// may come in several batches. Each request costs a reply.
inline constexpr size_t kMaxBatch = 1000;

// The limit of the reply to a batch. Once it is reached, the remaining requests are refused: a
// thousand listings of the largest table would not fit into memory.
inline constexpr size_t kMaxBatchReply = 16U << 20U;

// Carries out a method. `params` is always an object, which is empty if there were none. The status
// of an error becomes its code: InvalidArgument is -32602, Unimplemented is -32601, any other is 1.
using MethodHandler = std::function<absl::StatusOr<JsonText>(const std::string& method,
                                                             const nlohmann::json& params)>;

// Returns the reply to a line (given without its '\n'). The reply ends in '\n'; it is empty if the
// line held only notifications. Ids are echoed as they were written. Never throws, whatever the
// line is; if a handler throws nlohmann's exceptions, the reply is -32603.
[[nodiscard]] std::string AnswerLine(std::string_view line, const MethodHandler& handler);

// Both results end in '\n'. An error without a request has the id null.
[[nodiscard]] std::string NotificationLine(std::string_view method,
                                           const nlohmann::ordered_json& params);
[[nodiscard]] std::string ErrorLine(RpcError code, std::string_view message);

}  // namespace tapswitch
