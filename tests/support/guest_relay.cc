#include "tests/support/guest_relay.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "absl/status/statusor.h"
#include "ports/vhost_user/features.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/wait_until.h"

namespace tapswitch {
namespace {

constexpr size_t kMostBytes = size_t{70} << 10U;  // of a frame that is not cut yet
constexpr int kFullRingPause = 1;                 // ms until it is looked at again

template <typename Made>
Made ValueOr(absl::StatusOr<Made> made) {
  if (!made.ok()) throw std::runtime_error(std::string(made.status().message()));
  return std::move(made).value();
}

struct FeaturesOfOffload {
  Offload offload;
  uint64_t features;
};

constexpr std::array kFeatures{
    FeaturesOfOffload{Offload::kChecksum,
                      FeatureBit(virtio::kCsum) | FeatureBit(virtio::kGuestCsum)},
    FeaturesOfOffload{Offload::kTcp4,
                      FeatureBit(virtio::kHostTso4) | FeatureBit(virtio::kGuestTso4)},
    FeaturesOfOffload{Offload::kTcp6,
                      FeatureBit(virtio::kHostTso6) | FeatureBit(virtio::kGuestTso6)},
    FeaturesOfOffload{Offload::kTcpEcn,
                      FeatureBit(virtio::kHostEcn) | FeatureBit(virtio::kGuestEcn)},
    FeaturesOfOffload{Offload::kUdp4,
                      FeatureBit(virtio::kHostUso) | FeatureBit(virtio::kGuestUso4)},
    FeaturesOfOffload{Offload::kUdp6,
                      FeatureBit(virtio::kHostUso) | FeatureBit(virtio::kGuestUso6)},
};

VhostFrontEnd::Options GuestOf(OffloadSet offloads) {
  VhostFrontEnd::Options options{.ring_size = 1024};
  for (const FeaturesOfOffload& of : kFeatures) {
    if (offloads.contains(of.offload)) options.features |= of.features;
  }
  return options;
}

}  // namespace

GuestRelay::GuestRelay(const TapOptions& tap, const std::string& path)
    : tap_(ValueOr(OpenTap(tap))),
      guest_(GuestOf(tap_.offloads)),
      stop_(ValueOr(WakeEvent::Create())) {
  if (!guest_.Connect(path) || !guest_.Start()) throw std::runtime_error("no guest at " + path);
  thread_ = std::thread([this] { Run(); });
}

GuestRelay::~GuestRelay() {
  stop_.Signal();
  thread_.join();
}

void GuestRelay::Settle() const {
  EXPECT_TRUE(WaitUntil([&] { return delivered_ == guest_.ring(0).used_index(); }));
}

void GuestRelay::Run() {
  // A full ring is no reason to wake up for each frame that waits in front of it.
  constexpr size_t kTap = 3;
  std::array<pollfd, 4> files{{{.fd = stop_.fd(), .events = POLLIN, .revents = 0},
                               {.fd = guest_.connection(), .events = POLLIN, .revents = 0},
                               {.fd = guest_.call(0), .events = POLLIN, .revents = 0},
                               {.fd = tap_.file.get(), .events = POLLIN, .revents = 0}}};
  for (;;) {
    const bool has_room = guest_.HasRoom();
    files[kTap].fd = has_room ? tap_.file.get() : -1;
    if (poll(files.data(), files.size(), has_room ? -1 : kFullRingPause) < 0) continue;
    if (files[0].revents != 0 || files[1].revents != 0) return;
    if (files[2].revents != 0) FromSwitchToTap();
    if (files[kTap].revents != 0) FromTapToSwitch();
  }
}

void GuestRelay::FromTapToSwitch() {
  std::array<std::byte, kVirtioNetHeaderSize> header{};
  while (guest_.HasRoom()) {
    frame_.resize(kMostBytes);
    const std::array<iovec, 2> parts{{{.iov_base = header.data(), .iov_len = header.size()},
                                      {.iov_base = frame_.data(), .iov_len = frame_.size()}}};
    const ssize_t size = readv(tap_.file.get(), parts.data(), parts.size());
    if (size < static_cast<ssize_t>(header.size())) return;
    frame_.resize(static_cast<size_t>(size) - header.size());
    if (!guest_.Send(frame_, header)) return;
  }
}

void GuestRelay::FromSwitchToTap() {
  eventfd_t ignored = 0;
  eventfd_read(guest_.call(0), &ignored);
  while (auto frame = guest_.Receive(std::chrono::milliseconds(0))) {
    // Behind the kernel's header is how many buffers the frame had.
    const std::array<iovec, 2> parts{{{.iov_base = const_cast<std::byte*>(guest_.header().data()),
                                       .iov_len = kVirtioNetHeaderSize},
                                      {.iov_base = frame->data(), .iov_len = frame->size()}}};
    // It fails while eth0 is down, as a card receives nothing then.
    [[maybe_unused]] const ssize_t written = writev(tap_.file.get(), parts.data(), parts.size());
    delivered_ = guest_.taken();
  }
}

}  // namespace tapswitch
