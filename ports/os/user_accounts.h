// Look-ups of users and groups in the system's databases.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace tapswitch {

struct UserAccount {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;              // the user's primary group
  std::vector<gid_t> groups;  // all groups of the user
};

// Finds a user by name or, if no name matches, by number. Returns nothing if there is none.
[[nodiscard]] std::optional<UserAccount> FindUser(const std::string& text);

// Finds a group by name. Returns nothing if there is none.
[[nodiscard]] std::optional<gid_t> FindGroup(const std::string& name);

}  // namespace tapswitch
