// Reads answers of a switch. It may be another program, or another version: what is missing, or not
// as expected, is empty.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

using Answer = nlohmann::ordered_json;

// Null when the object has no such member, or is none.
inline const Answer* MemberAt(const Answer& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// The text of a member, or its JSON; without control characters.
inline std::string TextAt(const Answer& object, const char* key) {
  const Answer* const member = MemberAt(object, key);
  if (member == nullptr) return "";
  return Printable(member->is_string() ? member->get<std::string>() : member->dump());
}

inline uint64_t NumberAt(const Answer& object, const char* key) {
  const Answer* const member = MemberAt(object, key);
  return member != nullptr && member->is_number() ? member->get<uint64_t>() : 0;
}

inline Answer MembersAt(const Answer& object, const char* key) {
  const Answer* const member = MemberAt(object, key);
  return member != nullptr && member->is_object() ? *member : Answer::object();
}

inline Answer ListAt(const Answer& object, const char* key) {
  const Answer* const member = MemberAt(object, key);
  return member != nullptr && member->is_array() ? *member : Answer::array();
}

// A VLAN, or a range of them as "10-20".
inline std::string VlanRangeText(const Answer& range) {
  const std::string last = TextAt(range, "vlanEnd");
  return TextAt(range, "vlan") + (last.empty() ? "" : "-" + last);
}

}  // namespace tapswitch
