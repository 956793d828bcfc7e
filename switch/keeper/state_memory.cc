#include "switch/keeper/state_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "ports/os/clock.h"
#include "ports/os/descriptor_channel.h"

namespace tapswitch {
namespace {

constexpr std::array<const char*, 2> kNames{"state0", "state1"};

// In front of the text.
struct StateHead {
  uint64_t magic = 0x7461707374617465;
  uint64_t sequence = 0;  // 0: nothing has been written
  uint64_t size = 0;
  uint64_t written_at = 0;
  uint64_t checksum = 0;
};

constexpr off_t kAttemptsAt = sizeof(StateHead);
constexpr off_t kTextAt = 64;
static_assert(kAttemptsAt + static_cast<off_t>(sizeof(uint64_t)) <= kTextAt);

// FNV-1a over words of eight bytes, and the rest.
uint64_t ChecksumOf(std::string_view text, uint64_t sequence) {
  constexpr uint64_t kPrime = 0x100000001B3;
  uint64_t sum = 0xCBF29CE484222325 ^ sequence;
  while (text.size() >= sizeof(uint64_t)) {
    uint64_t word = 0;
    text.copy(reinterpret_cast<char*>(&word), sizeof(word));
    sum = (sum ^ word) * kPrime;
    text.remove_prefix(sizeof(word));
  }
  for (const char c : text) sum = (sum ^ static_cast<uint8_t>(c)) * kPrime;
  return sum;
}

bool WriteAll(int file, std::span<const std::byte> bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(file, bytes.data(), bytes.size(), at);
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
    at += written;
  }
  return true;
}

bool ReadAll(int file, std::span<std::byte> bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t got = pread(file, bytes.data(), bytes.size(), at);
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(got));
    at += got;
  }
  return true;
}

struct Candidate {
  uint64_t sequence = 0;
  StateMemory::Content content;
};

std::optional<Candidate> ReadOne(int file) {
  StateHead head{};
  struct stat found {};
  if (fstat(file, &found) != 0 || !ReadAll(file, std::as_writable_bytes(std::span(&head, 1)), 0)) {
    return std::nullopt;
  }
  const bool is_plausible = head.magic == StateHead{}.magic && head.sequence != 0 &&
                            head.size <= DescriptorChannel::kMostBytes &&
                            static_cast<uint64_t>(found.st_size) >= head.size;
  if (!is_plausible) return std::nullopt;
  Candidate read{.sequence = head.sequence};
  read.content.written_at = std::chrono::nanoseconds(head.written_at);
  read.content.text.resize(head.size);
  if (!ReadAll(file, std::as_writable_bytes(std::span(read.content.text)), kTextAt)) {
    return std::nullopt;
  }
  if (ChecksumOf(read.content.text, head.sequence) != head.checksum) return std::nullopt;
  return read;
}

}  // namespace

absl::StatusOr<StateMemory> StateMemory::Create() {
  StateMemory memory;
  for (size_t i = 0; i < kNames.size(); ++i) {
    memory.files_[i] = FileDescriptor(memfd_create(kNames[i], MFD_CLOEXEC));
    if (!memory.files_[i].valid()) return absl::ErrnoToStatus(errno, "memfd_create");
  }
  return memory;
}

absl::Status StateMemory::Write(std::string_view text) {
  const uint64_t sequence = ++sequence_;
  const int file = files_[sequence % files_.size()].get();
  const StateHead head{.sequence = sequence,
                       .size = text.size(),
                       .written_at = static_cast<uint64_t>(MonotonicTime().count()),
                       .checksum = ChecksumOf(text, sequence)};
  const bool is_written = WriteAll(file, std::as_bytes(std::span(text)), kTextAt) &&
                          WriteAll(file, std::as_bytes(std::span(&head, 1)), 0);
  if (!is_written) return absl::ErrnoToStatus(errno, "writing the state to memory");
  // What an earlier, longer text has left behind it.
  static_cast<void>(ftruncate(file, kTextAt + static_cast<off_t>(text.size())));
  return absl::OkStatus();
}

bool StateMemory::HandOver(PortHandover& to) const {
  return to.AddCopy(kNames[0], files_[0].get()) && to.AddCopy(kNames[1], files_[1].get());
}

std::optional<StateMemory::Content> StateMemory::Read(const PortHandover& from) {
  std::optional<Candidate> best;
  for (const char* const name : kNames) {
    const auto found = from.files.find(name);
    if (found == from.files.end()) continue;
    auto read = ReadOne(found->second.get());
    if (read && (!best || read->sequence > best->sequence)) best = std::move(read);
  }
  if (!best) return std::nullopt;
  return std::move(best->content);
}

uint64_t StateMemory::CountAttempt(const PortHandover& from) {
  const auto found = from.files.find(kNames[0]);
  uint64_t attempts = 0;
  if (found == from.files.end()) return 0;
  const std::span<uint64_t> one(&attempts, 1);
  if (!ReadAll(found->second.get(), std::as_writable_bytes(one), kAttemptsAt)) attempts = 0;
  ++attempts;
  static_cast<void>(WriteAll(found->second.get(), std::as_bytes(one), kAttemptsAt));
  return attempts;
}

}  // namespace tapswitch
