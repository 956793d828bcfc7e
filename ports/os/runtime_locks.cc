#include "ports/os/runtime_locks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "ports/os/file_descriptor.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr const char* kFileName = "locks";
constexpr const char* kSystemFolder = "/run/tapswitch";
constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
constexpr mode_t kOthersAnything = S_IRWXG | S_IRWXO;

// FNV-1a, which is the same in all versions and builds; 62 bits are an offset for the kernel.
off_t OffsetOf(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  constexpr unsigned kUnused = 2;
  return static_cast<off_t>(hash >> kUnused);
}

struct flock RangeAt(off_t offset, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = offset;
  range.l_len = 1;
  return range;
}

// The --name that a process was started with; empty if it has none.
std::string NameFlagOf(pid_t pid) {
  std::ifstream words(fmt::format("/proc/{}/cmdline", pid));
  std::string word;
  while (std::getline(words, word, '\0')) {
    const std::string_view flag = word;
    if (flag != "--name" && flag != "-name" && !flag.starts_with("--name=") &&
        !flag.starts_with("-name=")) {
      continue;
    }
    const size_t value = flag.find('=');
    if (value != std::string_view::npos) return word.substr(value + 1);
    std::getline(words, word, '\0');
    return word;
  }
  return "";
}

std::string Describe(pid_t pid) {
  if (pid <= 0) return "another process";
  std::string command;
  std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)), command);
  if (command.empty()) return fmt::format("process {}", pid);
  std::string name = NameFlagOf(pid);
  if (name.empty() && command == "tapswitchd") name = "br0";  // as it is called without the flag
  return name.empty() ? fmt::format("process {} ({})", pid, command)
                      : fmt::format("process {} ({} '{}')", pid, command, name);
}

absl::Status Failed(const std::string& what) { return absl::ErrnoToStatus(errno, what); }

// The system's folder may belong to the user that the packaged service runs as; root gave it to
// that user. Everybody else's folder has to be the caller's own.
bool MayOwn(uid_t owner, const std::string& folder) {
  return owner == geteuid() || (geteuid() == 0 && folder == kSystemFolder);
}

absl::StatusOr<FileDescriptor> OpenFolder(const std::string& path) {
  constexpr mode_t kMode = 0755;
  const bool is_new = mkdir(path.c_str(), kMode) == 0;
  if (!is_new && errno != EEXIST) return Failed(path);
  FileDescriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat found {};
  if (!folder.valid() || fstat(folder.get(), &found) != 0) return Failed(path);
  if (!MayOwn(found.st_uid, path)) {
    return absl::PermissionDeniedError(fmt::format("{}: it belongs to uid {}", path, found.st_uid));
  }
  if ((found.st_mode & kOthersWrite) != 0) {
    return absl::PermissionDeniedError(
        fmt::format("{}: others may write it (chmod go-w it)", path));
  }
  // Control sockets are there, too: the umask may have taken away what a group needs to get at
  // them.
  if (is_new && fchmod(folder.get(), kMode) != 0) return Failed(path);
  return folder;
}

// Opens the file, or creates one that belongs to the owner of the folder.
absl::StatusOr<FileDescriptor> OpenFile(const FileDescriptor& folder, const std::string& path) {
  constexpr int kOpenFlags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  constexpr mode_t kMode = 0600;
  struct stat owner {};
  if (fstat(folder.get(), &owner) != 0) return Failed(path);
  FileDescriptor file(openat(folder.get(), kFileName, kOpenFlags | O_CREAT | O_EXCL, kMode));
  if (file.valid() && owner.st_uid != geteuid() &&
      fchown(file.get(), owner.st_uid, owner.st_gid) != 0) {
    return Failed(path);
  }
  if (!file.valid() && errno == EEXIST) {
    file = FileDescriptor(openat(folder.get(), kFileName, kOpenFlags));
  }
  struct stat found {};
  if (!file.valid() || fstat(file.get(), &found) != 0) return Failed(path);
  const bool is_owned = found.st_uid == owner.st_uid || found.st_uid == geteuid();
  if (S_ISREG(found.st_mode) && is_owned && (found.st_mode & kOthersAnything) == 0) return file;
  return absl::PermissionDeniedError(
      fmt::format("{}/{}: it is no regular file of mode 0600 of the folder's owner (remove it)",
                  path, kFileName));
}

absl::StatusOr<FileDescriptor> OpenIn(const std::string& path) {
  const auto folder = OpenFolder(path);
  if (!folder.ok()) return folder.status();
  return OpenFile(*folder, path);
}

std::vector<std::string> OwnFolders() {
  std::vector<std::string> folders;
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/') {
    folders.push_back(fmt::format("{}/tapswitch", runtime));
  }
  folders.insert(geteuid() == 0 ? folders.begin() : folders.end(), kSystemFolder);
  folders.push_back(fmt::format("/tmp/tapswitch-{}", geteuid()));
  return folders;
}

}  // namespace

// The open file, and what this process holds of it: its own locks never conflict with each other
// for the kernel.
class RuntimeLocks::File {
 public:
  explicit File(FileDescriptor file, bool inherits = false)
      : file_(std::move(file)), inherits_(inherits) {}

  absl::Status Take(off_t offset) {
    const std::lock_guard lock(mutex_);
    if (held_.contains(offset)) return absl::AlreadyExistsError(Describe(getpid()));
    for (;;) {
      struct flock range = RangeAt(offset, inherits_ ? F_RDLCK : F_WRLCK);
      if (fcntl(file_.get(), F_SETLK, &range) == 0) break;
      if (errno != EAGAIN && errno != EACCES) return Failed("cannot lock");
      if (fcntl(file_.get(), F_GETLK, &range) != 0) return Failed("cannot ask for a lock");
      // The holder may have released it in between.
      if (range.l_type != F_UNLCK) return absl::AlreadyExistsError(Describe(range.l_pid));
    }
    held_.insert(offset);
    return absl::OkStatus();
  }

  [[nodiscard]] std::optional<pid_t> HolderOf(off_t offset) const {
    struct flock range = RangeAt(offset, F_WRLCK);
    if (fcntl(file_.get(), F_GETLK, &range) != 0 || range.l_type == F_UNLCK) return std::nullopt;
    return std::max(range.l_pid, 0);
  }

  void Release(off_t offset) {
    const std::lock_guard lock(mutex_);
    struct flock range = RangeAt(offset, F_UNLCK);
    static_cast<void>(fcntl(file_.get(), F_SETLK, &range));
    held_.erase(offset);
  }

  void Share() {
    const std::lock_guard lock(mutex_);
    for (const off_t offset : held_) {
      struct flock range = RangeAt(offset, F_RDLCK);
      static_cast<void>(fcntl(file_.get(), F_SETLK, &range));
    }
  }

  void EndInheritance() {
    const std::lock_guard lock(mutex_);
    inherits_ = false;
  }

  [[nodiscard]] int fd() const { return file_.get(); }

 private:
  FileDescriptor file_;
  std::mutex mutex_;
  bool inherits_;
  std::set<off_t> held_;
};

class RuntimeLock::Hold {
 public:
  Hold(std::shared_ptr<RuntimeLocks::File> file, off_t offset)
      : file_(std::move(file)), offset_(offset) {}
  ~Hold() { file_->Release(offset_); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  std::shared_ptr<RuntimeLocks::File> file_;
  off_t offset_;
};

absl::StatusOr<RuntimeLocks> RuntimeLocks::Open(const std::vector<std::string>& folders) {
  std::string tried;
  for (const std::string& folder : folders) {
    auto file = OpenIn(folder);
    if (file.ok()) return RuntimeLocks(std::make_shared<File>(*std::move(file)));
    tried += fmt::format("{}{}", tried.empty() ? "" : "; ", std::string(file.status().message()));
  }
  return absl::PermissionDeniedError(
      fmt::format("there is no folder for locks ({}): set XDG_RUNTIME_DIR to a directory of your "
                  "own, or be root",
                  tried));
}

struct RuntimeLocks::Process {
  std::mutex mutex;
  std::optional<RuntimeLocks> opened;

  static Process& Get() {
    static Process one;
    return one;
  }
};

absl::StatusOr<RuntimeLocks> RuntimeLocks::OfProcess() {
  Process& process = Process::Get();
  const std::lock_guard lock(process.mutex);
  if (!process.opened) {
    auto locks = Open(OwnFolders());
    if (!locks.ok()) return locks;
    process.opened = *std::move(locks);
  }
  return *process.opened;
}

void RuntimeLocks::Inherit(FileDescriptor file) {
  Process& process = Process::Get();
  const std::lock_guard lock(process.mutex);
  process.opened = RuntimeLocks(std::make_shared<File>(std::move(file), /*inherits=*/true));
}

void RuntimeLocks::EndInheritance() const { file_->EndInheritance(); }

void RuntimeLocks::Share() const { file_->Share(); }

int RuntimeLocks::fd() const { return file_->fd(); }

absl::StatusOr<RuntimeLock> RuntimeLocks::Take(std::string_view name) const {
  const off_t offset = OffsetOf(name);
  if (absl::Status taken = file_->Take(offset); !taken.ok()) return taken;
  return RuntimeLock(std::make_shared<RuntimeLock::Hold>(file_, offset));
}

std::optional<pid_t> RuntimeLocks::HolderOf(std::string_view name) const {
  return file_->HolderOf(OffsetOf(name));
}

}  // namespace tapswitch
