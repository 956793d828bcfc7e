// A hostile guest and its front end: whatever bytes are in the memory of a ring, chains lie in that
// memory and have an end, and a queue that is broken stays so; whatever messages come, the session
// serves or refuses them. In each input the first byte chooses. With TAPSWITCH_SCRIBBLE in the
// environment a second thread writes to the memory of the ring meanwhile, as a guest can; what is
// found then need not happen again with the same input.

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
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "ports/vhost_user/message.h"
#include "ports/vhost_user/session.h"
#include "ports/vhost_user/virtqueue.h"

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

alignas(64) std::array<std::byte, kMemory> memory;

// Copies bytes of the memory to other places of it, so that what is written makes sense at times.
void Scribble() {
  for (uint32_t state = 1;; state = state * 1664525 + 1013904223) {
    const size_t to = (state >> 8U) % (kMemory - 16);
    const size_t from = (state >> 20U) % (kMemory - 16);
    std::memmove(memory.data() + to, memory.data() + from, 1 + state % 16);
  }
}

bool StartScribbling() {
  if (std::getenv("TAPSWITCH_SCRIBBLE") == nullptr) return false;
  std::thread(Scribble).detach();
  return true;
}

void FuzzQueue(std::span<const std::byte> input) {
  static const bool scribbles = StartScribbling();
  static_cast<void>(scribbles);
  memory.fill(std::byte{0});
  if (!input.empty()) std::memcpy(memory.data(), input.data(), std::min(kMemory, input.size()));
  const MemoryMap map({{.guest = kGuest, .user = 0, .bytes = std::span(memory).first(3000)},
                       {.guest = kGuest + 3000, .user = 0, .bytes = std::span(memory).last(1000)}});
  Virtqueue queue(kSize,
                  {.descriptors = memory.data(),
                   .available = memory.data() + kAvailable,
                   .used = memory.data() + kUsed},
                  map, {.event_index = true, .indirect = true});
  const auto pieces = std::make_unique<BufferPieces>();
  for (int turn = 0; turn < 4; ++turn) {
    for (uint16_t waiting = queue.Available(); waiting > 0; --waiting) {
      pieces->clear();
      const auto access = turn % 2 == 0 ? Virtqueue::Access::kRead : Virtqueue::Access::kWrite;
      const auto chain = queue.Take(access, *pieces);
      Require(chain.has_value() == queue.fault().empty());
      if (!chain) break;
      size_t sum = 0;
      for (const std::span<std::byte> piece : pieces->all()) {
        Require(piece.data() >= memory.data());
        Require(piece.data() + piece.size() <= memory.data() + memory.size());
        sum += piece.size();
        // As a guest does that writes while it is read, and as frames do.
        if (access == Virtqueue::Access::kWrite)
          std::fill(piece.begin(), piece.end(), std::byte{7});
      }
      Require(sum == chain->bytes);
      queue.PushUsed(chain->head, static_cast<uint32_t>(sum));
    }
    static_cast<void>(queue.Publish());
    static_cast<void>(queue.EnableKicks());
    queue.DisableKicks();
    if (!queue.fault().empty()) Require(queue.Available() == 0);
  }
}

// The memory of the guest whose session it is, the same for all of them.
constexpr uint64_t kUser = 0x7000'0000;
constexpr size_t kGuestBytes = size_t{1} << 16U;

FileDescriptor MemoryFile(std::span<const std::byte> bytes) {
  FileDescriptor file(memfd_create("fuzz", MFD_CLOEXEC));
  Require(ftruncate(file.get(), kGuestBytes) == 0);
  const size_t size = std::min(bytes.size(), kGuestBytes);
  Require(pwrite(file.get(), bytes.data(), size, 0) == static_cast<ssize_t>(size));
  return file;
}

bool TakesEvents(VhostRequest request) {
  return request == VhostRequest::kSetVringKick || request == VhostRequest::kSetVringCall ||
         request == VhostRequest::kSetVringErr;
}

// A guest of a front end. Its messages come from the input, but for those of a start.
class FuzzedSession {
 public:
  explicit FuzzedSession(std::span<const std::byte> bytes) : bytes_(bytes) {
    for (int i = 0; i < 2; ++i) {
      pairs_.push_back(std::make_unique<QueuePair>(WakeEvent::Create().value(), fault_,
                                                   GuestCaller::Create().value()));
    }
    session_.emplace(pairs_, 1500);
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
    Require(session_->summary().rings == 2 || !session_->Obstacle().empty());
  }

  void Handle(const VhostMessage& message, size_t count = 0) {
    std::vector<FileDescriptor> files;
    for (size_t i = 0; i < count; ++i) {
      files.push_back(TakesEvents(message.request) ? FileDescriptor(eventfd(0, EFD_NONBLOCK))
                                                   : MemoryFile(bytes_));
    }
    if (!session_->Handle(message, std::move(files)).ok()) session_->Reset();
    static_cast<void>(session_->TakeFaults());
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
    for (const auto& pair : pairs_) {
      FrameBatch received;
      static_cast<void>(pair->Receive(identity, 64, arena, received));
      for (const Frame& one : received.frames()) {
        Require(one.wire.data >= memory_of_frames.data());
        Require(one.wire.data + one.wire.size <= memory_of_frames.data() + memory_of_frames.size());
      }
      static_cast<void>(pair->Send(frames, counters));
      static_cast<void>(pair->AwaitKick());
    }
    static_cast<void>(session_->TakeFaults());
  }

  ~FuzzedSession() { session_->Reset(); }
  FuzzedSession(const FuzzedSession&) = delete;
  FuzzedSession& operator=(const FuzzedSession&) = delete;

 private:
  std::span<const std::byte> bytes_;
  WakeEvent fault_ = WakeEvent::Create().value();
  VhostSession::Pairs pairs_;
  std::optional<VhostSession> session_;
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
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  if (data[0] % 2 == 0) {
    FuzzQueue(input);
  } else {
    FuzzSession(input, data[0] % 4 == 3);
  }
  return 0;
}
