#include "tools/qemu-helper/acl_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {
namespace {

constexpr int kMaxDepth = 8;
constexpr int kMaxFiles = 64;  // of all includes, so that files which include each other end
constexpr size_t kMaxSize = 65536;

absl::Status Distrust(const std::string& path, const char* why) {
  return absl::PermissionDeniedError(absl::StrCat(path, ": ", why));
}

absl::Status CheckFile(const std::string& path, int fd, uid_t owner) {
  struct stat found {};
  if (fstat(fd, &found) != 0) return absl::ErrnoToStatus(errno, path);
  if (!S_ISREG(found.st_mode)) return Distrust(path, "it is no regular file");
  if (found.st_uid != owner) return Distrust(path, "it does not belong to root: chown root it");
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Distrust(path, "others than its owner may write it: chmod go-w it");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(const std::string& path, int fd) {
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t size = read(fd, part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, path);
    if (size == 0) return text;
    text.append(part.data(), static_cast<size_t>(size));
    if (text.size() > kMaxSize) return Distrust(path, "it is longer than 64 KiB");
  }
}

class Loader {
 public:
  explicit Loader(uid_t owner) : owner_(owner) {}

  // NOLINTNEXTLINE(misc-no-recursion): files include files, and `depth` is bounded.
  absl::Status Load(const std::string& path, int depth) {
    if (depth > kMaxDepth || ++files_ > kMaxFiles) {
      return Distrust(path, "files include each other too often");
    }
    // Without waiting for whoever would write to a FIFO.
    const FileDescriptor file(
        open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!file.valid()) return OnCannotOpen(path, depth);
    if (absl::Status good = CheckFile(path, file.get(), owner_); !good.ok()) return good;
    const auto text = ReadAll(path, file.get());
    if (!text.ok()) return text.status();
    auto statements = ParseAcl(*text);
    if (!statements.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", statements.status().message()));
    }
    for (AclStatement& statement : *statements) {
      if (statement.kind != AclStatement::Kind::kInclude) {
        loaded_.push_back(std::move(statement));
      } else if (absl::Status read = Load(statement.argument, depth + 1); !read.ok()) {
        return read;
      }
    }
    return absl::OkStatus();
  }

  std::vector<AclStatement> TakeLoaded() { return std::move(loaded_); }

 private:
  static absl::Status OnCannotOpen(const std::string& path, int depth) {
    const int error = errno;
    if (error == ELOOP) return Distrust(path, "it is a symbolic link");
    if (depth > 0 && (error == ENOENT || error == EACCES)) return absl::OkStatus();
    return absl::PermissionDeniedError(absl::StrCat(path, ": ", std::strerror(error)));
  }

  uid_t owner_;
  int files_ = 0;
  std::vector<AclStatement> loaded_;
};

}  // namespace

absl::StatusOr<std::vector<AclStatement>> ReadAclFile(const std::string& path, uid_t owner) {
  Loader loader(owner);
  if (absl::Status loaded = loader.Load(path, 0); !loaded.ok()) return loaded;
  return loader.TakeLoaded();
}

}  // namespace tapswitch
