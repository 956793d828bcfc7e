#include "ports/vhost_user/front_end_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

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
FrontEndFile KindOfFile(int fd) {
  if (fcntl(fd, F_GET_SEALS) >= 0) return FrontEndFile::kMemory;
  return IsEvent(fd) ? FrontEndFile::kEvent : FrontEndFile::kOther;
}

// Where there can be no thread the files stay open, and the place stays taken.
void UnwantedFiles::Close(std::vector<FileDescriptor> files) {
  if (files.empty()) return;
  ++*threads_;
  auto shared = std::make_shared<std::vector<FileDescriptor>>(std::move(files));
  try {
    std::thread([shared, threads = threads_] {
      shared->clear();
      --*threads;
    }).detach();
  } catch (const std::system_error&) {
    static auto& open_for_ever = *std::make_unique<std::vector<decltype(shared)>>().release();
    open_for_ever.push_back(std::move(shared));
  }
}

}  // namespace tapswitch
