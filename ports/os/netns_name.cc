#include "ports/os/netns_name.h"

#include <sys/socket.h>

#include "absl/status/status.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

NetnsLead WhereLeads(std::string_view name_or_path, NetnsId id) {
  const auto found = NetworkNamespace::Open(name_or_path);
  if (found.ok()) return found->id() == id ? NetnsLead::kSame : NetnsLead::kOther;
  // A file that is no namespace is what `ip netns` has before it mounts one there.
  const bool is_nowhere =
      absl::IsNotFound(found.status()) || absl::IsInvalidArgument(found.status());
  return is_nowhere ? NetnsLead::kNowhere : NetnsLead::kSame;
}

std::optional<uint64_t> CookieOf(const NetworkNamespace& netns) {
  constexpr int kNetnsCookie = 71;  // SO_NETNS_COOKIE, newer than some headers
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return std::nullopt;
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (getsockopt(socket.get(), SOL_SOCKET, kNetnsCookie, &cookie, &size) != 0) return std::nullopt;
  return cookie;
}

}  // namespace tapswitch
