// The keys of a type of port, read from its help (ports/port_type_texts.h).

#pragma once

#include <string_view>
#include <vector>

#include "ports/port_type_texts.h"

namespace tapswitch {

// A key with one of its values, or with what stands for them.
struct PortKey {
  std::string_view name;
  std::string_view value;     // such as `on|off` or `PATH`; empty: it has none
  bool stands_alone = false;  // it may be written without a value

  bool operator==(const PortKey&) const = default;
};

// A key that is explained value by value is there several times. Empty for a type that there is
// not.
[[nodiscard]] std::vector<PortKey> PortKeysOf(std::string_view type);

// Null for a type that there is not.
[[nodiscard]] const PortTypeText* FindPortTypeText(std::string_view type);

}  // namespace tapswitch
