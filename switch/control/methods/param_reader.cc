#include "switch/control/methods/param_reader.h"

#include "spdlog/fmt/fmt.h"

namespace tapswitch {

using nlohmann::json;

const json* ParamReader::Find(std::string_view name) {
  asked_.emplace(name);
  const auto found = params_.find(std::string(name));
  return found == params_.end() || !status_.ok() ? nullptr : &*found;
}

void ParamReader::Complain(std::string_view name, const json& value, std::string_view cure) {
  const std::string shown = value.dump(-1, ' ', false, json::error_handler_t::replace);
  status_ = absl::InvalidArgumentError(fmt::format("{} {:.100}: {}", name, shown, cure));
}

std::optional<std::string> ParamReader::MaybeText(std::string_view name) {
  const json* const value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Complain(name, *value, "expected a text");
  return std::nullopt;
}

std::optional<std::string> ParamReader::MaybeTextOrNumber(std::string_view name) {
  const json* const value = Find(name);
  if (value == nullptr || !value->is_number_unsigned()) return MaybeText(name);
  return std::to_string(value->get<uint64_t>());
}

std::string ParamReader::Text(std::string_view name) {
  auto text = MaybeText(name);
  if (!text && status_.ok()) {
    status_ = absl::InvalidArgumentError(fmt::format("'{}' is missing", name));
  }
  return text.value_or("");
}

std::optional<bool> ParamReader::MaybeFlag(std::string_view name) {
  const json* const value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Complain(name, *value, "expected on or off");
  return std::nullopt;
}

std::optional<uint64_t> ParamReader::MaybeNumber(std::string_view name, uint64_t least,
                                                 uint64_t most) {
  const json* const value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned()) {
    const auto number = value->get<uint64_t>();
    if (number >= least && number <= most) return number;
  }
  Complain(name, *value, fmt::format("expected a number from {} to {}", least, most));
  return std::nullopt;
}

MacAddress ParamReader::Address(std::string_view name) {
  const std::string text = Text(name);
  if (!status_.ok()) return {};
  if (const auto address = MacAddress::Parse(text)) return *address;
  Complain(name, text, "expected a MAC address, such as 02:00:00:00:00:01");
  return {};
}

absl::Status ParamReader::Finish() {
  for (const auto& [name, value] : params_.items()) {
    if (status_.ok() && !asked_.contains(name)) {
      Complain(name, value, "there is no such parameter here");
    }
  }
  return status_;
}

}  // namespace tapswitch
