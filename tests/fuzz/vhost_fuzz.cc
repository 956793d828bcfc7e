// A hostile front end: whatever messages come, and whatever is in the memory of the guest, the
// session serves or refuses them. The first byte of an input chooses whether rings run before.
// With TAPSWITCH_SCRIBBLE in the environment the memory changes meanwhile (scribbler.h).

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "ports/vhost_user/message.h"
#include "ports/vhost_user/session.h"
#include "tests/support/scribbler.h"

namespace {

using namespace tapswitch;

void Require(bool condition) {
  if (!condition) std::abort();
}

constexpr uint16_t kSize = 16;
constexpr size_t kMemory = 4096;
constexpr size_t kAvailable = 1024;
constexpr size_t kUsed = 2048;
constexpr uint64_t kGuest = 0x1000;

// The memory of the guest whose session it is, the same for all of them.
constexpr uint64_t kUser = 0x7000'0000;
constexpr size_t kGuestBytes = size_t{1} << 16U;

// A file, which is mapped here, too.
class GuestFile {
 public:
  GuestFile() : file_(memfd_create("fuzz", MFD_CLOEXEC)) {
    Require(ftruncate(file_.get(), kGuestBytes) == 0);
    void* const place =
        mmap(nullptr, kGuestBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
    Require(place != MAP_FAILED);
    bytes_ = {static_cast<std::byte*>(place), kGuestBytes};
    ScribbleIfAsked(bytes_);
  }

  // Zeros behind them.
  void Fill(std::span<const std::byte> bytes) const {
    const auto rest =
        std::copy_n(bytes.begin(), std::min(bytes.size(), kGuestBytes), bytes_.begin());
    std::fill(rest, bytes_.end(), std::byte{0});
  }

  [[nodiscard]] FileDescriptor Duplicate() const {
    return FileDescriptor(fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  }

 private:
  FileDescriptor file_;
  std::span<std::byte> bytes_;
};

const GuestFile& TheGuest() {
  static const GuestFile guest;
  return guest;
}

bool TakesEvents(VhostRequest request) {
  return request == VhostRequest::kSetVringKick || request == VhostRequest::kSetVringCall ||
         request == VhostRequest::kSetVringErr;
}

WakeEvent& Faults() {
  static WakeEvent event = WakeEvent::Create().value();
  return event;
}

// Two pairs serve all sessions, which leave them as if they were new: the end of a pair waits for
// the kernel.
const VhostSession::Pairs& ThePairs() {
  static const VhostSession::Pairs pairs = [] {
    VhostSession::Pairs made;
    for (int i = 0; i < 2; ++i) {
      made.push_back(std::make_unique<QueuePair>(WakeEvent::Create().value(), Faults(),
                                                 GuestCaller::Create().value()));
    }
    return made;
  }();
  return pairs;
}

// A guest of a front end. Its messages come from the input, but for those of a start.
class FuzzedSession {
 public:
  explicit FuzzedSession(std::span<const std::byte> bytes) : session_(ThePairs(), 1500) {
    TheGuest().Fill(bytes);
  }

  // Starts as an honest front end does, so that rings run whose memory has the bytes of the input.
  void Start() {
    Handle({.request = VhostRequest::kSetProtocolFeatures,
            .value = VhostSession::OfferedProtocolFeatures()});
    Handle({.request = VhostRequest::kSetFeatures, .value = VhostSession::OfferedFeatures()});
    Handle({.request = VhostRequest::kSetMemTable,
            .regions = {{.guest_address = kGuest,
                         .size = kGuestBytes,
                         .user_address = kUser,
                         .file_offset = 0}}},
           1);
    for (uint32_t ring = 0; ring < 2; ++ring) {
      const uint64_t place = kUser + ring * kMemory;
      Handle({.request = VhostRequest::kSetVringNum, .value = kSize, .ring = ring});
      Handle({.request = VhostRequest::kSetVringAddr,
              .ring = ring,
              .descriptors = place,
              .available = place + kAvailable,
              .used = place + kUsed});
      Handle({.request = VhostRequest::kSetVringKick, .ring = ring, .has_descriptor = true}, 1);
      Handle({.request = VhostRequest::kSetVringCall, .ring = ring, .has_descriptor = true}, 1);
      Handle({.request = VhostRequest::kSetVringEnable, .value = 1, .ring = ring});
    }
    Require(session_.summary().rings == 2 || !session_.Obstacle().empty());
  }

  void Handle(const VhostMessage& message, size_t count = 0) {
    std::vector<FileDescriptor> files;
    for (size_t i = 0; i < count; ++i) {
      files.push_back(TakesEvents(message.request) ? FileDescriptor(eventfd(0, EFD_NONBLOCK))
                                                   : TheGuest().Duplicate());
    }
    if (!session_.Handle(message, std::move(files)).ok()) session_.Reset();
    static_cast<void>(session_.TakeFaults());
  }

  // A turn of a worker.
  void Turn() {
    static std::array<std::byte, ReceiveArena::kSize> memory_of_frames;
    static std::array<std::byte, 200> frame{};
    ReceiveArena arena(memory_of_frames);
    PortCounters counters;
    const PortIdentity identity{.id = PortId{1}, .name = "fuzz", .counters = &counters};
    const Piece whole{.data = frame.data(), .size = frame.size()};
    const std::array<WireFrame, 3> frames{WireFrame{.pieces = {&whole, 1}, .size = 188},
                                          WireFrame{.pieces = {&whole, 1}, .size = 188},
                                          WireFrame{.pieces = {&whole, 1}, .size = 188}};
    for (const auto& pair : ThePairs()) {
      FrameBatch received;
      static_cast<void>(pair->Receive(identity, 64, arena, received));
      for (const Frame& one : received.frames()) {
        Require(one.wire.data >= memory_of_frames.data());
        Require(one.wire.data + one.wire.size <= memory_of_frames.data() + memory_of_frames.size());
      }
      static_cast<void>(pair->Send(frames, counters));
      static_cast<void>(pair->AwaitKick());
    }
    static_cast<void>(session_.TakeFaults());
  }

  ~FuzzedSession() { session_.Reset(); }
  FuzzedSession(const FuzzedSession&) = delete;
  FuzzedSession& operator=(const FuzzedSession&) = delete;

 private:
  VhostSession session_;
};

// Each message: request, number of files and whether it wants a reply, size, payload.
void FuzzMessages(FuzzedSession& session, std::span<const std::byte> input) {
  while (input.size() > 3) {
    const auto request = std::to_integer<uint32_t>(input[0]);
    const auto count = std::to_integer<size_t>(input[1]) % 4;
    const uint32_t flags = (std::to_integer<uint32_t>(input[1]) & 4U) != 0 ? 9 : 1;
    const size_t size = std::min(std::to_integer<size_t>(input[2]), input.size() - 3);
    std::array<std::byte, kVhostHeaderSize> bytes{};
    const std::array<uint32_t, 3> numbers{request, flags, static_cast<uint32_t>(size)};
    std::memcpy(bytes.data(), numbers.data(), sizeof(numbers));
    const auto header = ParseVhostHeader(bytes);
    Require(header.ok());
    const auto message = ParseVhostMessage(*header, input.subspan(3, size), count);
    input = input.subspan(3 + size);
    if (message.ok()) session.Handle(*message, count);
    session.Turn();
  }
}

// The bytes of a guest's memory, then messages.
void FuzzSession(std::span<const std::byte> input, bool starts) {
  const size_t split = starts ? std::min<size_t>(input.size(), 2 * kMemory) : 0;
  FuzzedSession session(input.first(split));
  if (starts) session.Start();
  session.Turn();
  FuzzMessages(session, input.subspan(split));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  FuzzSession(std::as_bytes(std::span(data, size)).subspan(1), data[0] % 2 == 1);
  return 0;
}
