#include "ports/os/files/plain_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "ports/os/file_descriptor.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

std::string_view KindOfFile(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a file";
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFLNK:
      return "a symbolic link";
    default:
      return "a device";
  }
}

absl::StatusOr<std::string> ReadPlainFile(const std::string& path, const std::string& what,
                                          size_t most) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return absl::ErrnoToStatus(errno, what);
  return ReadPlainFile(file.get(), what, most);
}

absl::StatusOr<std::string> ReadPlainFile(int file, const std::string& what, size_t most) {
  struct stat found {};
  if (fstat(file, &found) != 0) return absl::ErrnoToStatus(errno, what);
  if (!S_ISREG(found.st_mode)) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: it is {}, and cannot be read: write a regular file", what, KindOfFile(found.st_mode)));
  }
  std::string text;
  std::array<char, 65536> part;  // NOLINT(*-member-init): read fills it
  for (;;) {
    const ssize_t size = read(file, part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, what);
    if (size == 0) return text;
    text.append(part.data(), static_cast<size_t>(size));
    if (text.size() > most) {
      return absl::ResourceExhaustedError(
          fmt::format("{}: it is longer than {} bytes: write a shorter one", what, most));
    }
  }
}

}  // namespace tapswitch
