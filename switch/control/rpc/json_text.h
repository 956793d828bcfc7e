// The text of a JSON value, the result of a method. Mostly it is made of a value. For large
// results, such as a whole address table, it is written directly, at a tenth of the cost.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace tapswitch {

class JsonText {
 public:
  // Implicit, so that methods can return values. Bytes that are not UTF-8 (names of interfaces may
  // have them) are replaced.
  // NOLINTBEGIN(*-forwarding-reference-overload, google-explicit-constructor): as is required
  template <typename Value>
  requires(!std::is_same_v<std::remove_cvref_t<Value>, JsonText> &&
           std::is_convertible_v<Value, nlohmann::ordered_json>) JsonText(Value&& value)
      : text_(nlohmann::ordered_json(std::forward<Value>(value))
                  .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)) {}
  // NOLINTEND(*-forwarding-reference-overload, google-explicit-constructor)

  // `text` is valid JSON.
  static JsonText Written(std::string text) {
    JsonText result(nullptr);
    result.text_ = std::move(text);
    return result;
  }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace tapswitch
