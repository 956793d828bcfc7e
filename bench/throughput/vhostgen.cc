// Two guests of vhost-user in one process on one processor: both send as fast as their rings take
// frames, and count what they receive.
//
//   vhostgen --sockets=A,B [--size=60] [--one_way] [--seconds=1]
//
// Prints one JSON object. Each frame has a number, which is written before it is sent and read when
// it has come, so that both sides touch the memory of each frame, as guests do.

#include <gflags/gflags.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "ports/vhost_user/features.h"
#include "ports/vhost_user/message.h"
#include "switch/forwarding/wire/bytes.h"
#include "tests/support/vhost_front_end.h"

DEFINE_string(sockets, "", "the two sockets that the switch listens at, with a comma between them");
DEFINE_uint32(size, 60, "bytes of a frame, without its FCS");
DEFINE_bool(one_way, false, "only the first one sends");
DEFINE_double(seconds, 1, "how long frames are counted");
DEFINE_uint32(ring, 256, "entries of a ring");

namespace tapswitch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kAddressSize = 6;
constexpr size_t kNumberOffset = VhostFrontEnd::kHeader + 2 * kAddressSize + 2;
constexpr size_t kSlotSize = 2048;
constexpr size_t kSlots = size_t{4} << 20U;  // where frames that are sent begin
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
    front_.PostBuffers();
    DescribeFrames();
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
      const auto slot = static_cast<uint16_t>((next_ + i) % FLAGS_ring);
      const uint64_t number = ++sent_;
      std::memcpy(front_.memory().at(SlotOf(slot) + kNumberOffset), &number, sizeof(number));
      ring.SetEntry(static_cast<uint16_t>(next_ + i), slot);
    }
    next_ = static_cast<uint16_t>(next_ + count);
    ring.SetIndex(next_);
    front_.Kick(1);
  }

  // Takes what has come, and gives its buffers back.
  void Receive() {
    DriverRing& ring = front_.ring(0);
    const uint16_t used = ring.used_index();
    if (used == taken_) return;
    for (; taken_ != used; ++taken_) {
      const auto [head, size] = ring.UsedEntry(taken_);
      Note(front_.memory().at(VhostFrontEnd::BufferOf(static_cast<uint16_t>(head))), size);
      ring.SetEntry(static_cast<uint16_t>(taken_ + FLAGS_ring), static_cast<uint16_t>(head));
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
  static size_t SlotOf(uint16_t slot) { return kSlots + kSlotSize * slot; }

  void DescribeFrames() {
    const auto slots = static_cast<uint16_t>(FLAGS_ring);
    for (uint16_t slot = 0; slot < slots; ++slot) {
      std::byte* const frame = front_.memory().at(SlotOf(slot) + VhostFrontEnd::kHeader);
      frame[0] = frame[kAddressSize] = std::byte{2};
      frame[kAddressSize - 1] = std::byte{static_cast<uint8_t>(3 - number_)};
      frame[2 * kAddressSize - 1] = std::byte{number_};
      StoreBe16(frame + 2 * kAddressSize, 0x88B6);  // for local experiments
      front_.ring(1).Describe(
          slot, {.address = SharedTestMemory::kGuest + SlotOf(slot),
                 .length = static_cast<uint32_t>(VhostFrontEnd::kHeader) + FLAGS_size});
    }
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

void PassFor(const Guests& guests, double seconds) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    for (int i = 0; i < 64; ++i) {
      guests[0]->Send();
      if (!FLAGS_one_way) guests[1]->Send();
      for (const auto& guest : guests) guest->Receive();
    }
  }
}

struct Sum {
  explicit Sum(const Guests& guests) {
    for (const auto& guest : guests) {
      sent += guest->sent();
      received += guest->received();
      late += guest->late();
    }
  }
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t late = 0;
};

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
  if (!Introduce(guests)) {
    std::fprintf(stderr, "vhostgen: no frame passes\n");
    return EXIT_FAILURE;
  }
  constexpr double kWarmUp = 0.2;
  PassFor(guests, kWarmUp);
  const Sum before(guests);
  const auto begin = Clock::now();
  PassFor(guests, FLAGS_seconds);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const Sum after(guests);
  std::printf("{\"sent\": %llu, \"received\": %llu, \"late\": %llu, \"seconds\": %.6f}\n",
              static_cast<unsigned long long>(after.sent - before.sent),
              static_cast<unsigned long long>(after.received - before.received),
              static_cast<unsigned long long>(after.late), seconds);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace tapswitch

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return tapswitch::Run();
}
