#include "ports/os/files/pinned_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr int kPinFlags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
constexpr int kMostLinks = 40;  // as in the kernel

bool IsTrusted(uid_t user) { return user == 0 || user == geteuid(); }

// Goes from folder to folder, one name after the other.
class PathWalk {
 public:
  explicit PathWalk(const std::string& path) : path_(path) {}

  absl::StatusOr<PinnedFolder> Run() {
    if (absl::Status prepended = Prepend(path_); !prepended.ok()) return prepended;
    if (!file_.valid()) file_ = FileDescriptor(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (absl::Status looked = Look(); !looked.ok()) return looked;
    while (!names_.empty()) {
      const std::string name = std::move(names_.front());
      names_.pop_front();
      if (absl::Status stepped = Step(name); !stepped.ok()) return stepped;
    }
    if (link_owner_ && folder_.st_uid != *link_owner_) return RefuseLink();
    return PinnedFolder{.file = std::move(file_), .is_path_unsteady = is_unsteady_};
  }

 private:
  // What is to be walked next; an absolute path begins at the root.
  absl::Status Prepend(std::string_view path) {
    if (path.starts_with('/')) {
      file_ = FileDescriptor(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (absl::Status looked = Look(); !looked.ok()) return looked;
    }
    std::deque<std::string> names;
    while (!path.empty()) {
      const size_t end = path.find('/');
      if (const auto name = path.substr(0, end); !name.empty()) names.emplace_back(name);
      path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    }
    names_.insert(names_.begin(), names.begin(), names.end());
    return absl::OkStatus();
  }

  absl::Status Step(const std::string& name) {
    FileDescriptor next(openat(file_.get(), name.c_str(), kPinFlags));
    struct stat found {};
    if (!next.valid() || fstat(next.get(), &found) != 0) return Failed();
    is_unsteady_ |= MayOthersExchange(folder_, found);
    if (S_ISLNK(found.st_mode)) return Follow(next, found.st_uid);
    if (!S_ISDIR(found.st_mode)) return Fail(ENOTDIR);
    file_ = std::move(next);
    folder_ = found;
    return absl::OkStatus();
  }

  // By the text of the very link that was looked at.
  absl::Status Follow(const FileDescriptor& link, uid_t owner) {
    if (++links_ > kMostLinks) return Fail(ELOOP);
    std::array<char, PATH_MAX> target{};
    const ssize_t size = readlinkat(link.get(), "", target.data(), target.size());
    if (size < 0) return Failed();
    if (!IsTrusted(owner)) link_owner_ = owner;
    return Prepend({target.data(), static_cast<size_t>(size)});
  }

  absl::Status Look() {
    return file_.valid() && fstat(file_.get(), &folder_) == 0 ? absl::OkStatus() : Failed();
  }

  absl::Status RefuseLink() const {
    return absl::PermissionDeniedError(fmt::format(
        "{}: a link of uid {} leads to a folder of uid {}; write the path that is meant", path_,
        *link_owner_, folder_.st_uid));
  }
  absl::Status Failed() const { return Fail(errno); }
  absl::Status Fail(int error) const { return absl::ErrnoToStatus(error, path_); }

  const std::string& path_;
  FileDescriptor file_;
  struct stat folder_ {};  // of file_
  std::deque<std::string> names_;
  std::optional<uid_t> link_owner_;  // of a link that neither root nor we have made
  int links_ = 0;
  bool is_unsteady_ = false;
};

}  // namespace

bool MayOthersExchange(const struct stat& folder, const struct stat& entry) {
  if (!IsTrusted(folder.st_uid)) return true;
  if ((folder.st_mode & (S_IWGRP | S_IWOTH)) == 0) return false;
  return (folder.st_mode & S_ISVTX) == 0 || !IsTrusted(entry.st_uid);
}

PathParts SplitPath(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"./", path};
  return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

absl::StatusOr<PinnedFolder> PinFolder(const std::string& path) { return PathWalk(path).Run(); }

}  // namespace tapswitch
