#include "switch/handover/json_fields.h"

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

const nlohmann::json& EmptyArray() {
  static const nlohmann::json empty = nlohmann::json::array();
  return empty;
}

const nlohmann::json& EmptyObject() {
  static const nlohmann::json empty = nlohmann::json::object();
  return empty;
}

}  // namespace

JsonFields::JsonFields(const nlohmann::json& object) : object_(&object) {
  if (object.is_object()) return;
  object_ = &EmptyObject();
  status_ = absl::InvalidArgumentError("a part of the state is no object");
}

const nlohmann::json* JsonFields::Find(std::string_view key) const {
  const auto found = object_->find(key);
  return found == object_->end() ? nullptr : &*found;
}

bool JsonFields::has(std::string_view key) const { return Find(key) != nullptr; }

void JsonFields::Complain(std::string_view key) {
  status_.Update(absl::InvalidArgumentError(fmt::format("the state has a bad value of '{}'", key)));
}

uint64_t JsonFields::Number(std::string_view key, uint64_t otherwise, uint64_t most) {
  const nlohmann::json* const found = Find(key);
  if (found == nullptr) return otherwise;
  if (found->is_number_unsigned() && found->get<uint64_t>() <= most) return found->get<uint64_t>();
  Complain(key);
  return otherwise;
}

int64_t JsonFields::Signed(std::string_view key) {
  const nlohmann::json* const found = Find(key);
  if (found == nullptr) return 0;
  if (found->is_number_integer() &&
      !(found->is_number_unsigned() &&
        found->get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()})) {
    return found->get<int64_t>();
  }
  Complain(key);
  return 0;
}

bool JsonFields::Flag(std::string_view key) {
  const nlohmann::json* const found = Find(key);
  if (found == nullptr) return false;
  if (found->is_boolean()) return found->get<bool>();
  Complain(key);
  return false;
}

std::string JsonFields::Text(std::string_view key) {
  const nlohmann::json* const found = Find(key);
  if (found == nullptr) return "";
  if (found->is_string()) return found->get<std::string>();
  Complain(key);
  return "";
}

const nlohmann::json& JsonFields::Array(std::string_view key) {
  const nlohmann::json* const found = Find(key);
  if (found != nullptr && found->is_array()) return *found;
  if (found != nullptr) Complain(key);
  return EmptyArray();
}

const nlohmann::json& JsonFields::Object(std::string_view key) {
  const nlohmann::json* const found = Find(key);
  if (found != nullptr && found->is_object()) return *found;
  if (found != nullptr) Complain(key);
  return EmptyObject();
}

}  // namespace tapswitch
