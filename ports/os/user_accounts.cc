#include "ports/os/user_accounts.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>

namespace tapswitch {
namespace {

// The result of getpwnam_r and its relatives, with the memory that it points into.
template <typename Entry>
struct Found {
  Entry entry{};
  std::vector<char> text;
};

// `look_up` is given an entry, memory, its size, and where to say what was found; ERANGE means that
// the memory is too small for the entry.
template <typename Entry, typename LookUp>
std::optional<Found<Entry>> LookUpEntry(LookUp look_up) {
  constexpr size_t kMostText = size_t{1} << 20U;  // a group of tens of thousands of members
  Found<Entry> result;
  for (size_t size = 4096; size <= kMostText; size *= 2) {
    result.text.resize(size);
    Entry* found = nullptr;
    const int error = look_up(&result.entry, result.text.data(), size, &found);
    if (error == 0 && found != nullptr) return result;
    if (error != ERANGE) break;
  }
  return std::nullopt;
}

std::optional<uid_t> ParseNumber(std::string_view text) {
  uid_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Found<passwd>> FindPasswd(const std::string& text) {
  auto user = LookUpEntry<passwd>([&](auto... rest) { return getpwnam_r(text.c_str(), rest...); });
  if (user) return user;
  const auto number = ParseNumber(text);
  if (!number) return std::nullopt;
  return LookUpEntry<passwd>([&](auto... rest) { return getpwuid_r(*number, rest...); });
}

std::vector<gid_t> GroupsOf(const passwd& user) {
  int count = 16;
  std::vector<gid_t> groups(static_cast<size_t>(count));
  while (getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count) < 0) {
    groups.resize(std::max(static_cast<size_t>(count), groups.size() * 2));
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<size_t>(count));
  return groups;
}

}  // namespace

std::optional<UserAccount> FindUser(const std::string& text) {
  const auto user = FindPasswd(text);
  if (!user) return std::nullopt;
  return UserAccount{.name = user->entry.pw_name,
                     .uid = user->entry.pw_uid,
                     .gid = user->entry.pw_gid,
                     .groups = GroupsOf(user->entry)};
}

std::optional<gid_t> FindGroup(const std::string& name) {
  const auto found =
      LookUpEntry<group>([&](auto... rest) { return getgrnam_r(name.c_str(), rest...); });
  return found ? std::optional(found->entry.gr_gid) : std::nullopt;
}

}  // namespace tapswitch
