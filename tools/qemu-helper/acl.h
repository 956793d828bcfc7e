// Who may use which bridge: the language of qemu-bridge-helper's access list.
//
//   # a comment
//   allow NAME|all
//   deny NAME|all
//   include /PATH
//
// A bridge may be used when a line allows it, and none denies it; the order of lines is of no
// importance.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

struct AclStatement {
  enum class Kind { kAllow, kDeny, kInclude };
  Kind kind = Kind::kDeny;
  std::string argument;  // of a bridge its name, or "all"; of kInclude an absolute path

  bool operator==(const AclStatement&) const = default;
};

// InvalidArgument names the line that is wrong: one that is not understood may have been meant to
// deny something.
[[nodiscard]] absl::StatusOr<std::vector<AclStatement>> ParseAcl(std::string_view text);

// What all kAllow and kDeny among `statements` say of a bridge.
[[nodiscard]] bool Permits(const std::vector<AclStatement>& statements, std::string_view bridge);

}  // namespace tapswitch
