#include "ports/os/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// ioctl on a file that is no nsfs file could mean anything to it, so the file system comes first.
bool IsNetworkNamespace(int fd) {
  struct statfs file_system {};
  return fstatfs(fd, &file_system) == 0 && file_system.f_type == NSFS_MAGIC &&
         ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

absl::Status OpenError(std::string_view name, const std::string& path, int error) {
  const bool is_name = name != path;
  if (error == ENOENT && is_name) {
    return absl::NotFoundError(
        fmt::format("there is no network namespace '{0}': make it with: ip netns add {0}", name));
  }
  return absl::ErrnoToStatus(error, fmt::format("network namespace '{}'", name));
}

}  // namespace

absl::StatusOr<NetworkNamespace> NetworkNamespace::Copy() const {
  return FromFile(FileDescriptor(fcntl(fd(), F_DUPFD_CLOEXEC, 0)), "network namespace");
}

absl::StatusOr<NetnsId> IdentifyNetns(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return absl::ErrnoToStatus(errno, "network namespace");
  return NetnsId{.inode = file.st_ino};
}

absl::StatusOr<NetworkNamespace> NetworkNamespace::Open(std::string_view name_or_path) {
  const bool is_path = name_or_path.find('/') != std::string_view::npos;
  const std::string path =
      is_path ? std::string(name_or_path) : fmt::format("/run/netns/{}", name_or_path);
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return OpenError(name_or_path, path, errno);
  return FromFile(std::move(file), name_or_path);
}

absl::StatusOr<NetworkNamespace> NetworkNamespace::Current() {
  return Open("/proc/thread-self/ns/net");
}

absl::StatusOr<NetworkNamespace> NetworkNamespace::FromFile(FileDescriptor file,
                                                            std::string_view description) {
  if (!IsNetworkNamespace(file.get())) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is not a network namespace: give a name that `ip netns` lists, or a path such as "
        "/proc/PID/ns/net",
        description));
  }
  const auto id = IdentifyNetns(file.get());
  if (!id.ok()) return id.status();
  return NetworkNamespace(std::move(file), *id);
}

absl::StatusOr<NetnsScope> NetnsScope::Enter(const NetworkNamespace& target) {
  auto home = NetworkNamespace::Current();
  if (!home.ok()) return home.status();
  if (home->id() == target.id()) return NetnsScope();
  if (setns(target.fd(), CLONE_NEWNET) != 0) {
    return absl::ErrnoToStatus(
        errno, "cannot enter the network namespace: run as root, or grant CAP_SYS_ADMIN");
  }
  return NetnsScope(*std::move(home));
}

NetnsScope::~NetnsScope() {
  if (!home_ || setns(home_->fd(), CLONE_NEWNET) == 0) return;
  spdlog::critical("cannot return to the switch's own network namespace: {}", strerror(errno));
  spdlog::default_logger_raw()->flush();
  std::abort();
}

}  // namespace tapswitch
