// Users and groups, as the system's databases have them.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace tapswitch {

struct UserAccount {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;              // of the user's own group
  std::vector<gid_t> groups;  // all that the user is in
};

// By name or, where no name matches, by number; nothing when there is none.
[[nodiscard]] std::optional<UserAccount> FindUser(const std::string& text);

// By name; nothing when there is none.
[[nodiscard]] std::optional<gid_t> FindGroup(const std::string& name);

}  // namespace tapswitch
