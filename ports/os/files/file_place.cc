#include "ports/os/files/file_place.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <utility>

#include "ports/os/files/plain_file.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr mode_t kOwnMode = 0600;
constexpr int kMostFollowed = 40;  // as in the kernel

absl::Status Refuse(const std::string& what, std::string_view why) {
  return absl::PermissionDeniedError(fmt::format(
      "{}: {}: write a path in a folder that only root and the user of the switch can change", what,
      why));
}

absl::Status CheckPlain(const std::string& what, const struct stat& found) {
  if (!S_ISREG(found.st_mode)) {
    return Refuse(what, fmt::format("it is {}, no regular file", KindOfFile(found.st_mode)));
  }
  if (found.st_uid != 0 && found.st_uid != geteuid()) {
    return Refuse(what, fmt::format("it belongs to uid {}", found.st_uid));
  }
  return found.st_nlink <= 1 ? absl::OkStatus() : Refuse(what, "the file has several names");
}

absl::Status WriteWhole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, "write");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(fd) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "fsync");
}

// One step on the way to a file: the file itself, or where a link leads.
struct FileStep {
  FileDescriptor file;
  std::string next;  // if there is no file
};

class Appending {
 public:
  Appending(const std::string& what, mode_t mode) : what_(what), mode_(mode) {}

  absl::StatusOr<FileDescriptor> Open(std::string path) const {
    for (int i = 0; i < kMostFollowed; ++i) {
      auto step = OpenOrFollow(path);
      if (!step.ok()) return step.status();
      if (step->file.valid()) return std::move(step->file);
      path = std::move(step->next);
    }
    return Failed(ELOOP);
  }

 private:
  static constexpr int kFlags =
      O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;

  absl::StatusOr<FileStep> OpenOrFollow(const std::string& path) const {
    const PathParts parts = SplitPath(path);
    const auto folder = PinFolder(parts.folder);
    if (!folder.ok()) return Because(folder.status());
    struct stat above {};
    struct stat entry {};
    const int at = folder->file.get();
    if (fstat(at, &above) != 0) return Failed(errno);
    if (fstatat(at, parts.name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) return Failed(errno);
      return Make(at, parts.name);
    }
    const bool may_be_anything = folder->is_path_unsteady || MayOthersExchange(above, entry);
    if (S_ISLNK(entry.st_mode)) {
      if (may_be_anything) return Refuse(what_, "it is a link that another user can change");
      return Follow(at, parts);
    }
    FileDescriptor file(openat(at, parts.name.c_str(), kFlags));
    if (!file.valid() || fstat(file.get(), &entry) != 0) return Failed(errno);
    // In a folder with the sticky bit others cannot exchange a file of ours, but they may have
    // given it this name.
    const bool is_shared = (above.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    if (may_be_anything || (is_shared && entry.st_nlink > 1)) {
      if (absl::Status plain = CheckPlain(what_, entry); !plain.ok()) return plain;
    }
    return FileStep{.file = std::move(file), .next = ""};
  }

  absl::StatusOr<FileStep> Make(int folder, const std::string& name) const {
    FileDescriptor file(openat(folder, name.c_str(), kFlags | O_CREAT | O_EXCL, mode_));
    if (!file.valid()) return Failed(errno);
    return FileStep{.file = std::move(file), .next = ""};
  }

  absl::StatusOr<FileStep> Follow(int folder, const PathParts& parts) const {
    struct statfs system {};
    // A link of /proc/self/fd is the file itself, which may have no path.
    if (fstatfs(folder, &system) == 0 && system.f_type == PROC_SUPER_MAGIC) {
      FileDescriptor file(openat(folder, parts.name.c_str(), kFlags & ~O_NOFOLLOW));
      if (!file.valid()) return Failed(errno);
      return FileStep{.file = std::move(file), .next = ""};
    }
    std::array<char, PATH_MAX> target{};
    const ssize_t size = readlinkat(folder, parts.name.c_str(), target.data(), target.size());
    if (size < 0) return Failed(errno);
    std::string next(target.data(), static_cast<size_t>(size));
    if (!next.starts_with('/')) next = parts.folder + next;
    return FileStep{.file = FileDescriptor(), .next = std::move(next)};
  }

  absl::Status Failed(int error) const { return absl::ErrnoToStatus(error, what_); }
  absl::Status Because(const absl::Status& why) const {
    return {why.code(), fmt::format("{}: {}", what_, std::string(why.message()))};
  }

  const std::string& what_;
  mode_t mode_;
};

}  // namespace

absl::StatusOr<FilePlace> FilePlace::Open(const std::string& path) {
  PathParts parts = SplitPath(path);
  if (parts.name.empty() || parts.name == "." || parts.name == "..") {
    return absl::InvalidArgumentError(
        fmt::format("{} is a directory; write the path of a file in it", path));
  }
  auto folder = PinFolder(parts.folder);
  if (!folder.ok()) return folder.status();
  struct stat status {};
  if (fstat(folder->file.get(), &status) != 0) return absl::ErrnoToStatus(errno, path);
  return FilePlace(*std::move(folder), status, std::move(parts.name), path);
}

absl::Status FilePlace::MustBeSteady(const struct stat& entry) const {
  if (!folder_.is_path_unsteady && !MayOthersExchange(status_, entry)) return absl::OkStatus();
  return Refuse(path_, fmt::format("others than root and uid {} can exchange it", geteuid()));
}

absl::StatusOr<std::string> FilePlace::ReadOwn(size_t most) const {
  const FileDescriptor file(openat(folder_.file.get(), name_.c_str(),
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) {
    return errno == ELOOP ? Refuse(path_, "it is a symbolic link")
                          : absl::ErrnoToStatus(errno, path_);
  }
  struct stat found {};
  if (fstat(file.get(), &found) != 0) return absl::ErrnoToStatus(errno, path_);
  if (absl::Status plain = CheckPlain(path_, found); !plain.ok()) return plain;
  if (absl::Status steady = MustBeSteady(found); !steady.ok()) return steady;
  return ReadPlainFile(file.get(), path_, most);
}

absl::Status FilePlace::Replace(std::string_view text) const {
  struct stat ours {};
  ours.st_uid = geteuid();
  if (absl::Status steady = MustBeSteady(ours); !steady.ok()) return steady;
  const int folder = folder_.file.get();
  const std::string next = name_ + ".new";
  unlinkat(folder, next.c_str(), 0);
  const FileDescriptor file(
      openat(folder, next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnMode));
  if (!file.valid()) return absl::ErrnoToStatus(errno, path_);
  absl::Status written = WriteWhole(file.get(), text);
  if (written.ok() && renameat(folder, next.c_str(), folder, name_.c_str()) != 0) {
    written = absl::ErrnoToStatus(errno, path_);
  }
  if (!written.ok()) unlinkat(folder, next.c_str(), 0);
  return written;
}

void FilePlace::Remove() const { unlinkat(folder_.file.get(), name_.c_str(), 0); }

absl::StatusOr<FileDescriptor> OpenForAppending(const std::string& path, const std::string& what,
                                                mode_t mode) {
  return Appending(what, mode).Open(path);
}

}  // namespace tapswitch
