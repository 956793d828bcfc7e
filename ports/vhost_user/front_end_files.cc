#include "ports/vhost_user/front_end_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "ports/os/thread_start.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The name of an open file is not looked up, but made by the kernel.
bool IsEvent(int fd) {
  std::array<char, 64> name{};
  const ssize_t size =
      readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), name.data(), name.size());
  const std::string_view link(name.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
  return link == "anon_inode:[eventfd]";
}

}  // namespace

// Only memory has seals (fcntl(2), F_GET_SEALS).
FrontEndFile KindOfFrontEndFile(int fd) {
  if (fcntl(fd, F_GET_SEALS) >= 0) return FrontEndFile::kMemory;
  return IsEvent(fd) ? FrontEndFile::kEvent : FrontEndFile::kOther;
}

// The files stay open for ever, and the place stays taken, where there is no thread to be had.
void UnwantedFiles::Close(std::vector<FileDescriptor> files) {
  if (files.empty()) return;
  ++*threads_;
  auto shared = std::make_shared<std::vector<FileDescriptor>>(std::move(files));
  auto thread = StartThread("a thread that closes files", [shared, threads = threads_] {
    shared->clear();
    --*threads;
  });
  if (thread.ok()) return thread->detach();
  static_cast<void>(std::make_unique<decltype(shared)>(std::move(shared)).release());
}

}  // namespace tapswitch
