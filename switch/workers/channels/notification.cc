#include "switch/workers/channels/notification.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "ports/os/file_descriptor.h"
#include "ports/os/thread_start.h"

namespace tapswitch {
namespace {

// False where it would have to wait.
bool SendAtOnce(std::string_view path, std::string_view state) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const ssize_t sent = sendto(socket.get(), state.data(), state.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&address), size);
  return sent >= 0 || errno != EAGAIN;
}

}  // namespace

void Notify(const std::string& state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return;
  const bool is_plain = *path == '/' || *path == '@';
  if (is_plain && SendAtOnce(path, state)) return;
  auto thread = StartThread("a thread for the manager", [state] { sd_notify(0, state.c_str()); });
  // Without a thread to spare, a manager that does not read is not told.
  if (thread.ok()) thread->detach();
}

}  // namespace tapswitch
