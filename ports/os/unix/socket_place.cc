#include "ports/os/unix/socket_place.h"

#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "ports/os/files/pinned_folder.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr mode_t kFolderMode = 0755;
constexpr mode_t kModeBits = 07777;

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// The umask may have taken away what a group needs to get at the socket. What others can exchange
// keeps the mode it has: it may not be what was made.
absl::Status SetModeOfNew(const PinnedFolder& parent, const std::string& name,
                          const std::string& path) {
  const FileDescriptor folder(
      openat(parent.file.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat above {};
  struct stat made {};
  if (!folder.valid() || fstat(parent.file.get(), &above) != 0 || fstat(folder.get(), &made) != 0) {
    return absl::ErrnoToStatus(errno, path);
  }
  if (made.st_uid != geteuid() || MayOthersExchange(above, made)) return absl::OkStatus();
  if ((made.st_mode & kModeBits) == kFolderMode) return absl::OkStatus();
  return fchmod(folder.get(), kFolderMode) == 0 ? absl::OkStatus()
                                                : absl::ErrnoToStatus(errno, path);
}

absl::Status MakeFolder(const std::string& path) {
  const PathParts split = SplitPath(path);
  if (split.name.empty()) return absl::OkStatus();
  const auto parent = PinFolder(split.folder);
  if (!parent.ok()) {
    return {parent.status().code(), fmt::format("cannot make the directory {}: {}", path,
                                                std::string(parent.status().message()))};
  }
  if (mkdirat(parent->file.get(), split.name.c_str(), kFolderMode) == 0) {
    return SetModeOfNew(*parent, split.name, path);
  }
  if (errno == EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, fmt::format("cannot make the directory {}", path));
}

}  // namespace

std::string FoundFile::path() const { return fmt::format("/proc/self/fd/{}", file.get()); }

absl::StatusOr<SocketPlace> SocketPlace::Open(const std::string& path, bool makes_folder) {
  PathParts split = SplitPath(path);
  if (split.name.empty() || split.name == "." || split.name == "..") {
    return absl::InvalidArgumentError(
        fmt::format("{} is a directory; write the path of a file in it", path));
  }
  if (makes_folder) {
    const std::string folder = WithoutTrailingSlashes(split.folder);
    if (absl::Status made = MakeFolder(folder); !made.ok()) return made;
  }
  auto folder = PinFolder(split.folder);
  if (!folder.ok()) return folder.status();
  std::string address = folder->is_path_unsteady
                            ? fmt::format("/proc/self/fd/{}/{}", folder->file.get(), split.name)
                            : path;
  if (address.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: the file's name is too long for a folder that others can exchange; "
                    "shorten it, or use another folder",
                    path));
  }
  return SocketPlace(std::move(folder->file), std::move(split.name), std::move(address));
}

SocketPlace::SocketPlace(FileDescriptor folder, std::string name, std::string address)
    : folder_(std::move(folder)), name_(std::move(name)), address_(std::move(address)) {}

std::string SocketPlace::identity() const {
  struct stat folder {};
  static_cast<void>(fstat(folder_.get(), &folder));
  return fmt::format("{}:{} {}", folder.st_dev, folder.st_ino, name_);
}

absl::StatusOr<FoundFile> SocketPlace::Find() const {
  return Look(
      FileDescriptor(openat(folder_.get(), name_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)));
}

absl::StatusOr<FoundFile> SocketPlace::Look(FileDescriptor file) {
  FoundFile found{.file = std::move(file)};
  if (found.file.valid() && fstat(found.file.get(), &found.status) == 0) return found;
  return absl::ErrnoToStatus(errno, "cannot look at it");
}

absl::Status SocketPlace::RemoveIf(const FileId& id) const {
  const auto found = Find();
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return found.status();
  // Who exchanges it from now on may write this folder, and so could remove it just as well.
  if (found->id() != id || unlinkat(folder_.get(), name_.c_str(), 0) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "cannot remove it");
}

absl::StatusOr<bool> SocketPlace::MayOthersExchange() const {
  struct stat folder {};
  if (fstat(folder_.get(), &folder) != 0) return absl::ErrnoToStatus(errno, "cannot look at it");
  struct stat ours {};
  ours.st_uid = geteuid();
  return tapswitch::MayOthersExchange(folder, ours);
}

}  // namespace tapswitch
