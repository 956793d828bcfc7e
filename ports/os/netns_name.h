// What becomes of the name of a network namespace while something in it is in use.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ports/os/netns.h"

namespace tapswitch {

// Whether a name or path, as Open takes it, still leads to a namespace.
enum class NetnsLead : uint8_t {
  kSame,     // to this one, or it cannot be known
  kNowhere,  // there is none
  kOther,    // it was made again
};
[[nodiscard]] NetnsLead WhereLeads(std::string_view name_or_path, NetnsId id);

// A number that no other namespace has or had since the machine was started (Linux 5.14); nothing
// where that is not to be had.
[[nodiscard]] std::optional<uint64_t> CookieOf(const NetworkNamespace& netns);

}  // namespace tapswitch
