#include "ports/port_handover.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace tapswitch {

bool PortHandover::AddBytes(const std::string& name, std::span<const std::byte> bytes) {
  FileDescriptor file(memfd_create(name.c_str(), MFD_CLOEXEC));
  if (!file.valid()) return false;
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t written =
        pwrite(file.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (written <= 0) return false;
    at += static_cast<size_t>(written);
  }
  files.insert_or_assign(name, std::move(file));
  return true;
}

std::vector<std::byte> PortHandover::TakeBytes(std::string_view name, size_t most) {
  const FileDescriptor file = Take(name);
  std::vector<std::byte> bytes(file.valid() ? most : 0);
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t part =
        pread(file.get(), bytes.data() + size, bytes.size() - size, static_cast<off_t>(size));
    if (part <= 0) break;
    size += static_cast<size_t>(part);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace tapswitch
