// Tells whether a name still leads to a network namespace that is in use.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ports/os/netns.h"

namespace tapswitch {

// Whether a name or path, as NetworkNamespace::Open takes it, still leads to a given namespace.
enum class NetnsLead : uint8_t {
  kSame,     // it leads to that namespace, or this cannot be known
  kNowhere,  // it leads to no namespace
  kOther,    // it leads to a new namespace of the same name
};
[[nodiscard]] NetnsLead WhereLeads(std::string_view name_or_path, NetnsId id);

// Returns the namespace's cookie, a number that no other namespace has had since the machine was
// started (Linux 5.14). Returns nothing on older kernels.
[[nodiscard]] std::optional<uint64_t> CookieOf(const NetworkNamespace& netns);

}  // namespace tapswitch
