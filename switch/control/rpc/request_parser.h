// Parses the JSON text of a request line, and keeps what JSON-RPC needs besides.

#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tapswitch {

// The limit of nesting. No request needs more than four levels; the limit keeps all code that walks
// a document recursively (printing it, destroying it) within a small stack.
inline constexpr size_t kMaxJsonDepth = 32;

// NOLINTNEXTLINE(bugprone-exception-escape): nlohmann's destructor throws only if it checks itself
struct RequestDocument {
  // Returns the id of request `index` (of a batch; 0 for a single one) as JSON text to echo; "null"
  // for null. Precondition: the request is an object with a member "id".
  [[nodiscard]] std::string IdText(size_t index) const;

  nlohmann::json root;
  // Ids, as they were written, whose number a double would round or print differently.
  std::map<size_t, std::string> number_ids;
};

// Parses `text`. Errors say where it stops being JSON. Invalid UTF-8, NUL bytes and nesting deeper
// than kMaxJsonDepth are errors. Of members with the same name the last one counts.
[[nodiscard]] absl::StatusOr<RequestDocument> ParseRequestDocument(std::string_view text);

}  // namespace tapswitch
