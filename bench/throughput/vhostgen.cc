// Two guests of vhost-user in one process on one processor: both send as fast as their rings take
// frames, and count what they receive.
//
//   vhostgen --sockets=A,B --progress=FILE [--size=60] [--one_way]
//
// Prints "ready" once frames pass, and goes on until it is ended; FILE has the counters (Progress).
// Each frame has addresses and a number, which are written before it is sent and read when it has
// come, so that both sides touch the memory of each frame, as guests do. And as guests do, it takes
// buffers from a pool in turn: what a switch copies is in no processor's nearest cache any more.

#include <fcntl.h>
#include <gflags/gflags.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "ports/os/file_descriptor.h"
#include "ports/vhost_user/features.h"
#include "ports/vhost_user/message.h"
#include "switch/forwarding/wire/bytes.h"
#include "tests/support/vhost_front_end.h"

DEFINE_string(sockets, "", "the two sockets that the switch listens at, with a comma between them");
DEFINE_uint32(size, 60, "bytes of a frame, without its FCS");
DEFINE_bool(one_way, false, "only the first one sends");
DEFINE_string(progress, "", "a file of at least 4096 bytes, to which the counters are written");
DEFINE_uint32(ring, 256, "entries of a ring, at most 1024");

namespace tapswitch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kAddressSize = 6;
constexpr size_t kTypeOffset = VhostFrontEnd::kHeader + 2 * kAddressSize;
constexpr size_t kNumberOffset = kTypeOffset + 2;
constexpr size_t kPlaceSize = 2048;
constexpr uint16_t kPlaces = 1024;  // of each direction; more than a ring has entries
constexpr size_t kReceivePlaces = VhostFrontEnd::kBuffers;  // where they begin
constexpr size_t kSendPlaces = kReceivePlaces + kPlaces * kPlaceSize;
constexpr uint16_t kBurst = 64;

// MQ, RARP and REPLY_ACK. Not STATUS: with that DPDK carries nothing until the driver is said to be
// there, and this one says nothing.
constexpr uint64_t kProtocolFeatures = 0xD;

class Guest {
 public:
  // `number` is 1 or 2: the last byte of its address.
  explicit Guest(uint8_t number)
      : front_({.ring_size = static_cast<uint16_t>(FLAGS_ring)}), number_(number) {}

  [[nodiscard]] bool Connect(const std::string& path) {
    if (!front_.Connect(path)) return false;
    const auto offered = front_.Ask(VhostRequest::kGetFeatures);
    const auto protocol = front_.Ask(VhostRequest::kGetProtocolFeatures);
    if (!offered || !protocol) return false;
    front_.Request(VhostRequest::kSetProtocolFeatures,
                   VhostFrontEnd::Payload(*protocol & kProtocolFeatures));
    front_.Request(VhostRequest::kSetOwner);
    front_.Request(VhostRequest::kSetFeatures,
                   VhostFrontEnd::Payload(*offered & VhostFrontEnd::kUsualFeatures));
    front_.SetMemory();
    PostAll();
    for (const uint32_t ring : {0U, 1U}) {
      front_.ring(ring).SuppressCalls();
      front_.StartRing(ring);
    }
    return front_.Settle();
  }

  // Sends as many frames as there is room for, in one go.
  void Send(uint16_t most = kBurst) {
    DriverRing& ring = front_.ring(1);
    const auto busy = static_cast<uint16_t>(next_ - ring.used_index());
    const auto count = static_cast<uint16_t>(std::min<uint32_t>(most, FLAGS_ring - busy));
    if (count == 0) return;
    for (uint16_t i = 0; i < count; ++i) {
      const size_t place = kSendPlaces + kPlaceSize * (sent_ % kPlaces);
      Write(front_.memory().at(place), ++sent_);
      const auto entry = static_cast<uint16_t>(next_ + i);
      const auto slot = static_cast<uint16_t>(entry % FLAGS_ring);
      ring.Describe(slot, {.address = SharedTestMemory::kGuest + place,
                           .length = static_cast<uint32_t>(VhostFrontEnd::kHeader) + FLAGS_size});
      ring.SetEntry(entry, slot);
    }
    next_ = static_cast<uint16_t>(next_ + count);
    ring.SetIndex(next_);
    front_.Kick(1);
  }

  // Takes what has come, and posts other buffers.
  void Receive() {
    DriverRing& ring = front_.ring(0);
    const uint16_t used = ring.used_index();
    if (used == taken_) return;
    for (; taken_ != used; ++taken_) {
      const auto [head, size] = ring.UsedEntry(taken_);
      const auto slot = static_cast<uint16_t>(head % FLAGS_ring);
      Note(front_.memory().at(posted_[slot]), size);
      Post(static_cast<uint16_t>(taken_ + FLAGS_ring), slot);
    }
    ring.SetIndex(static_cast<uint16_t>(taken_ + FLAGS_ring));
    front_.Kick(0);
  }

  // Frames that the switch has taken, or that it may still take.
  [[nodiscard]] uint64_t sent() const { return sent_; }
  [[nodiscard]] uint64_t received() const { return received_; }
  // Frames that came out of order: behind one that was sent after them.
  [[nodiscard]] uint64_t late() const { return late_; }

 private:
  void Write(std::byte* place, uint64_t number) const {
    std::memset(place, 0, VhostFrontEnd::kHeader);
    std::byte* const frame = place + VhostFrontEnd::kHeader;
    std::memset(frame, 0, 2 * kAddressSize);
    frame[0] = frame[kAddressSize] = std::byte{2};
    frame[kAddressSize - 1] = std::byte{static_cast<uint8_t>(3 - number_)};
    frame[2 * kAddressSize - 1] = std::byte{number_};
    StoreBe16(place + kTypeOffset, 0x88B6);  // for local experiments
    std::memcpy(place + kNumberOffset, &number, sizeof(number));
  }

  // Switches give buffers back in their order, so one is free when it has its turn again.
  void Post(uint16_t entry, uint16_t slot) {
    DriverRing& ring = front_.ring(0);
    posted_[slot] = kReceivePlaces + kPlaceSize * (posts_++ % kPlaces);
    ring.Describe(slot, {.address = SharedTestMemory::kGuest + posted_[slot],
                         .length = kPlaceSize,
                         .flags = DriverRing::kWrite});
    ring.SetEntry(entry, slot);
  }

  void PostAll() {
    const auto slots = static_cast<uint16_t>(FLAGS_ring);
    for (uint16_t slot = 0; slot < slots; ++slot) Post(slot, slot);
    front_.ring(0).SetIndex(slots);
  }

  void Note(const std::byte* buffer, uint32_t size) {
    if (size != VhostFrontEnd::kHeader + FLAGS_size) return;
    uint64_t number = 0;
    std::memcpy(&number, buffer + kNumberOffset, sizeof(number));
    ++received_;
    if (number <= last_) ++late_;
    last_ = number;
  }

  VhostFrontEnd front_;
  uint8_t number_;
  std::array<size_t, kPlaces> posted_{};  // where the buffer of an entry is
  uint64_t posts_ = 0;
  uint16_t next_ = 0;
  uint16_t taken_ = 0;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  uint64_t last_ = 0;
  uint64_t late_ = 0;
};

using Guests = std::array<std::unique_ptr<Guest>, 2>;

// Each has to have spoken before it is known where it is, and some back ends take a while until
// they carry frames.
bool Introduce(const Guests& guests) {
  const auto end = Clock::now() + std::chrono::seconds(10);
  while (guests[0]->received() == 0 || guests[1]->received() == 0) {
    if (Clock::now() > end) return false;
    for (const auto& guest : guests) {
      guest->Send(1);
      guest->Receive();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// The counters of both guests together, and when they were so, for whoever measures. They are being
// written while `version` is odd.
struct Progress {
  std::atomic<uint64_t> version;
  uint64_t nanoseconds;  // of CLOCK_MONOTONIC
  uint64_t sent;
  uint64_t received;
  uint64_t late;
};

Progress* MapProgress() {
  const FileDescriptor file(open(FLAGS_progress.c_str(), O_RDWR | O_CLOEXEC));
  void* const place =
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  return place == MAP_FAILED ? nullptr : static_cast<Progress*>(place);
}

void Tell(const Guests& guests, Progress& progress) {
  progress.version.fetch_add(1, std::memory_order_acq_rel);
  progress.nanoseconds = static_cast<uint64_t>(Clock::now().time_since_epoch().count());
  progress.sent = guests[0]->sent() + guests[1]->sent();
  progress.received = guests[0]->received() + guests[1]->received();
  progress.late = guests[0]->late() + guests[1]->late();
  progress.version.fetch_add(1, std::memory_order_acq_rel);
}

[[noreturn]] void Pass(const Guests& guests, Progress& progress) {
  for (;;) {
    for (int i = 0; i < 64; ++i) {
      guests[0]->Send();
      if (!FLAGS_one_way) guests[1]->Send();
      for (const auto& guest : guests) guest->Receive();
    }
    Tell(guests, progress);
  }
}

int Run() {
  const size_t comma = FLAGS_sockets.find(',');
  const std::array paths{FLAGS_sockets.substr(0, comma),
                         comma == std::string::npos ? "" : FLAGS_sockets.substr(comma + 1)};
  Guests guests;
  for (uint8_t i = 0; i < 2; ++i) {
    guests[i] = std::make_unique<Guest>(static_cast<uint8_t>(i + 1));
    if (guests[i]->Connect(paths[i])) continue;
    std::fprintf(stderr, "vhostgen: nobody serves %s\n", paths[i].c_str());
    return EXIT_FAILURE;
  }
  Progress* const progress = MapProgress();
  if (progress == nullptr) {
    std::fprintf(stderr, "vhostgen: --progress=%s cannot be mapped: make a file of 4096 bytes\n",
                 FLAGS_progress.c_str());
    return EXIT_FAILURE;
  }
  if (!Introduce(guests)) {
    std::fprintf(stderr, "vhostgen: no frame passes\n");
    return EXIT_FAILURE;
  }
  std::puts("ready");
  std::fflush(stdout);
  Pass(guests, *progress);
}

}  // namespace
}  // namespace tapswitch

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return tapswitch::Run();
}
