// The language of access lists, which say who may use which bridge. It is that of
// qemu-bridge-helper.
//
//   # a comment
//   allow NAME|all
//   deny NAME|all
//   include /PATH
//
// A bridge may be used if a line allows it and none denies it. The order of lines does not matter.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

struct AclStatement {
  enum class Kind { kAllow, kDeny, kInclude };
  Kind kind = Kind::kDeny;
  std::string argument;  // the name of a bridge, or "all"; for kInclude an absolute path

  bool operator==(const AclStatement&) const = default;
};

// Parses an access list. InvalidArgument names the first line that is wrong. The whole list is
// refused then, because the line may have been meant to deny something.
[[nodiscard]] absl::StatusOr<std::vector<AclStatement>> ParseAcl(std::string_view text);

// Returns whether all kAllow and kDeny among `statements` together allow a bridge.
[[nodiscard]] bool Permits(const std::vector<AclStatement>& statements, std::string_view bridge);

}  // namespace tapswitch
