// Reading an object of JSON that another version may have written: what is missing has a default,
// and what is not asked for is ignored. A value of the wrong kind, or out of bounds, is an error
// that is kept until the end.

#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace tapswitch {

class JsonFields {
 public:
  // `object` outlives this; one that is no object is an error.
  explicit JsonFields(const nlohmann::json& object);

  [[nodiscard]] uint64_t Number(std::string_view key, uint64_t otherwise = 0,
                                uint64_t most = std::numeric_limits<uint64_t>::max());
  [[nodiscard]] int64_t Signed(std::string_view key);
  [[nodiscard]] bool Flag(std::string_view key);
  [[nodiscard]] std::string Text(std::string_view key);
  // Empty where there is none.
  [[nodiscard]] const nlohmann::json& Array(std::string_view key);
  [[nodiscard]] const nlohmann::json& Object(std::string_view key);
  [[nodiscard]] bool has(std::string_view key) const;

  // The first error.
  [[nodiscard]] const absl::Status& status() const { return status_; }
  // Makes an error of a part one of the whole.
  void Note(const absl::Status& status) { status_.Update(status); }

 private:
  [[nodiscard]] const nlohmann::json* Find(std::string_view key) const;
  void Complain(std::string_view key);

  const nlohmann::json* object_;
  absl::Status status_;
};

}  // namespace tapswitch
