// JSON text of a request line into a document, with what JSON-RPC needs beyond that.

#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tapswitch {

// No request needs more than four levels. The limit keeps everything that walks a document
// recursively (printing it, destroying it) within a small stack.
inline constexpr size_t kMaxJsonDepth = 32;

struct RequestDocument {
  // The id of request `index` (of a batch; 0 for a single one) as JSON text that is to be echoed;
  // null is "null". The request is an object with a member "id".
  [[nodiscard]] std::string IdText(size_t index) const;

  nlohmann::json root;
  // Numbers of ids that a double would round, or print another way, as they were written.
  std::map<size_t, std::string> number_ids;
};

// Errors say where the text stops being JSON. Invalid UTF-8, NUL bytes and nesting deeper than
// kMaxJsonDepth are errors. Of members with the same name the last one counts.
[[nodiscard]] absl::StatusOr<RequestDocument> ParseRequestDocument(std::string_view text);

}  // namespace tapswitch
