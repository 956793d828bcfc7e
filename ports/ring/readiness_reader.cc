#include "ports/ring/readiness_reader.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>

#include "ports/ring/packet_frame.h"

namespace tapswitch {
namespace {

// read(2) past the C library. Free buffers are poisoned (buffer_pool.h), and the interceptor of
// AddressSanitizer would take the kernel's filling one for a stray write.
ssize_t ReadInto(int fd, std::byte* buffer, size_t size) {
  ssize_t length = 0;
  do {
    length = syscall(SYS_read, fd, buffer, size);
  } while (length < 0 && errno == EINTR);
  return length;
}

}  // namespace

ReadinessReader::ReadinessReader(size_t capacity) : files_(capacity) { line_.reserve(capacity); }

void ReadinessReader::Add(FileSlot file, int fd, BufferPool& pool, FileKind kind) {
  File& added = at(file);
  added = {.fd = fd, .pool = &pool, .kind = kind, .free = std::vector<BufferId>(pool.count())};
  std::iota(added.free.rbegin(), added.free.rend(), BufferId{0});
}

void ReadinessReader::Remove(FileSlot file) {
  std::erase(line_, file);
  at(file) = {};
}

void ReadinessReader::Start(FileSlot file, Tag tag) {
  at(file).tag = tag;
  at(file).reading = true;
  MarkReadable(file);
}

void ReadinessReader::Stop(FileSlot file) {
  if (!at(file).reading) return;  // it has just ended; its last completion waits to be reaped
  at(file).stopping = true;
  Enqueue(file);
}

void ReadinessReader::Return(FileSlot file, std::span<const BufferId> buffers) {
  std::vector<BufferId>& free = at(file).free;
  free.insert(free.end(), buffers.begin(), buffers.end());
}

void ReadinessReader::MarkReadable(FileSlot file) {
  at(file).readable = true;
  if (at(file).reading) Enqueue(file);
}

void ReadinessReader::Enqueue(FileSlot file) {
  if (at(file).in_line) return;
  at(file).in_line = true;
  line_.push_back(file);
}

size_t ReadinessReader::Read(std::span<Completion> completions) {
  size_t count = 0;
  size_t served = 0;
  std::optional<FileSlot> cut_short;
  while (served < line_.size() && count < completions.size()) {
    const FileSlot slot = line_[served++];
    File& file = at(slot);
    file.in_line = false;
    count += ReadFile(file, completions.subspan(count));
    if (file.reading && file.readable) cut_short = slot;
  }
  line_.erase(line_.begin(), line_.begin() + static_cast<ptrdiff_t>(served));
  if (cut_short) Enqueue(*cut_short);
  return count;
}

size_t ReadinessReader::ReadFile(File& file, std::span<Completion> completions) {
  size_t count = 0;
  while (file.reading && count < completions.size()) {
    const std::optional<Completion> completion = ReadFrame(file);
    if (!completion) break;
    completions[count++] = *completion;
  }
  return count;
}

std::optional<Completion> ReadinessReader::ReadFrame(File& file) {
  if (file.stopping) return End(file, -ECANCELED);
  if (file.free.empty()) return End(file, -ENOBUFS);
  const BufferId buffer = file.free.back();
  const ssize_t length =
      file.kind == FileKind::kPacketSocket
          ? ReceivePacket(file.fd, file.pool->address(buffer), file.pool->buffer_size())
          : ReadInto(file.fd, file.pool->address(buffer), file.pool->buffer_size());
  if (length < 0 && errno == EAGAIN) {
    file.readable = false;
    return std::nullopt;
  }
  if (length <= 0) return End(file, length < 0 ? -errno : 0);
  file.free.pop_back();
  return Completion{
      .tag = file.tag, .result = static_cast<int32_t>(length), .more = true, .buffer = buffer};
}

Completion ReadinessReader::End(File& file, int32_t result) {
  file.reading = false;
  file.stopping = false;
  return {.tag = file.tag, .result = result, .more = false, .buffer = std::nullopt};
}

}  // namespace tapswitch
