// Reads the parameters of a request, and complains of the first that is wrong.
//
//   ParamReader params(request);
//   const auto name = params.Text("dev");
//   const auto vlan = params.MaybeNumber("vlan", 1, 4094);
//   if (absl::Status read = params.Finish(); !read.ok()) return read;
//
// After an error everything reads as absent or empty; Finish tells.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class ParamReader {
 public:
  // An object, which outlives the reader.
  explicit ParamReader(const nlohmann::json& params) : params_(params) {}

  [[nodiscard]] std::string Text(std::string_view name);
  [[nodiscard]] std::optional<std::string> MaybeText(std::string_view name);
  // A number is read as the text that it is in decimal.
  [[nodiscard]] std::optional<std::string> MaybeTextOrNumber(std::string_view name);
  [[nodiscard]] std::optional<bool> MaybeFlag(std::string_view name);
  [[nodiscard]] std::optional<uint64_t> MaybeNumber(std::string_view name, uint64_t least,
                                                    uint64_t most);
  [[nodiscard]] MacAddress Address(std::string_view name);

  // Says that somebody else reads a parameter, so that it is not unknown.
  void Allow(std::string_view name) { asked_.emplace(name); }

  // InvalidArgument for the first parameter that is missing, of the wrong kind, or unknown.
  [[nodiscard]] absl::Status Finish();

 private:
  const nlohmann::json* Find(std::string_view name);
  void Complain(std::string_view name, const nlohmann::json& value, std::string_view cure);

  const nlohmann::json& params_;
  std::set<std::string, std::less<>> asked_;
  absl::Status status_;
};

}  // namespace tapswitch
