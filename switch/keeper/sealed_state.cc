#include "switch/keeper/sealed_state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "ports/os/clock.h"
#include "ports/os/unix/descriptor_channel.h"

namespace tapswitch {
namespace {

// A switch of version 0.3.0 wrote its state to two files of the bridge in place, with the same head
// in front. It was whole if the checksum said so.
constexpr std::array<const char*, 2> kUnsealedFiles{"state0", "state1"};

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

std::optional<KeptText> ReadOne(int file) {
  StateHead head{};
  struct stat found {};
  if (fstat(file, &found) != 0 || !ReadAll(file, std::as_writable_bytes(std::span(&head, 1)), 0)) {
    return std::nullopt;
  }
  const bool is_plausible = head.magic == StateHead{}.magic && head.sequence != 0 &&
                            head.size <= DescriptorChannel::kMostBytes &&
                            static_cast<uint64_t>(found.st_size) >= head.size;
  if (!is_plausible) return std::nullopt;
  KeptText read{.text = {}, .written_at = std::chrono::nanoseconds(head.written_at)};
  read.text.resize(head.size);
  if (!ReadAll(file, std::as_writable_bytes(std::span(read.text)), kTextAt)) return std::nullopt;
  if (ChecksumOf(read.text, head.sequence) != head.checksum) return std::nullopt;
  return read;
}

// Nullptr where there is none.
const FileDescriptor* FindFile(const KeptParts& parts, const char* part, const char* name) {
  const auto found = parts.find(part);
  if (found == parts.end()) return nullptr;
  const auto file = found->second.files.find(name);
  return file == found->second.files.end() ? nullptr : &file->second;
}

void ReadLater(const FileDescriptor* file, std::optional<KeptText>& latest) {
  if (file == nullptr) return;
  auto read = ReadOne(file->get());
  if (read && (!latest || read->written_at > latest->written_at)) latest = std::move(read);
}

}  // namespace

absl::StatusOr<FileDescriptor> SealState(std::string_view text, uint64_t sequence) {
  FileDescriptor file(memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "memfd_create");
  const StateHead head{.sequence = sequence,
                       .size = text.size(),
                       .written_at = static_cast<uint64_t>(MonotonicTime().count()),
                       .checksum = ChecksumOf(text, sequence)};
  const bool is_written = WriteAll(file.get(), std::as_bytes(std::span(&head, 1)), 0) &&
                          WriteAll(file.get(), std::as_bytes(std::span(text)), kTextAt);
  if (!is_written) return absl::ErrnoToStatus(errno, "writing the state to memory");
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) {
    return absl::ErrnoToStatus(errno, "sealing the state");
  }
  return file;
}

std::optional<KeptText> ReadKeptText(const KeptParts& parts) {
  std::optional<KeptText> latest;
  for (const char* const part : kStateParts) ReadLater(FindFile(parts, part, kStateFile), latest);
  for (const char* const file : kUnsealedFiles) {
    ReadLater(FindFile(parts, kBridgePart, file), latest);
  }
  return latest;
}

absl::StatusOr<FileDescriptor> MakeAttempts() {
  FileDescriptor file(memfd_create(kAttemptsFile, MFD_CLOEXEC));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "memfd_create");
  return file;
}

uint64_t CountAttempt(const KeptParts& parts) {
  const FileDescriptor* file = FindFile(parts, kBridgePart, kAttemptsFile);
  if (file == nullptr) file = FindFile(parts, kBridgePart, kUnsealedFiles[0]);
  if (file == nullptr) return 0;
  uint64_t attempts = 0;
  const std::span<uint64_t> one(&attempts, 1);
  if (!ReadAll(file->get(), std::as_writable_bytes(one), kAttemptsAt)) attempts = 0;
  ++attempts;
  static_cast<void>(WriteAll(file->get(), std::as_bytes(one), kAttemptsAt));
  return attempts;
}

}  // namespace tapswitch
