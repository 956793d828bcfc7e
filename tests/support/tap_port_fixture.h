// A TAP port with a ring that injects faults, and an interface whose state the test sets.

#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "ports/interface/tap/tap_port.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"

namespace tapswitch {

using Bytes = std::vector<std::byte>;

inline constexpr MacAddress kAlice = MacAddress::FromNumber(0x02000000000A);
inline constexpr MacAddress kBob = MacAddress::FromNumber(0x02000000000B);
inline constexpr NetnsId kHost{100};
inline constexpr NetnsId kElsewhere{200};
inline constexpr PortId kPort{3};
inline constexpr uint16_t kGeneration = 7;

inline Bytes Wire(const Bytes& frame, const VirtioNetHeader& header = {}) {
  Bytes wire(kVirtioNetHeaderSize);
  StoreVirtioNetHeader(header, std::span(wire).first<kVirtioNetHeaderSize>());
  wire.insert(wire.end(), frame.begin(), frame.end());
  return wire;
}

inline Bytes FrameOf(size_t size) { return FrameBuilder(kBob, kAlice).Pad(size).Build(); }

class TapPortTest : public testing::Test {
 protected:
  void StartPort() {
    const PortIdentity identity{
        .id = kPort, .generation = kGeneration, .name = "vnet0", .counters = &counters_};
    port_ = std::make_unique<TapPort>(identity, FileDescriptor(), OffloadSet::All(), [this] {
      ++queries_;
      return answer_;
    });
    ASSERT_TRUE(port_->Start(ring_).ok());
  }

  void SetUp() override { StartPort(); }

  void TearDown() override {
    if (!port_) return;
    port_->BeginClose();
    for (int i = 0; i < 3 && !port_->closed(); ++i) Turn();
    EXPECT_TRUE(port_->closed());
    port_.reset();
    EXPECT_FALSE(ring_.has_file(kFile));
  }

  // Does what the worker does in a turn, for one port. `in_between` sees the batch before it is
  // recycled.
  template <typename InBetween>
  void Turn(InBetween in_between) {
    FrameBatch batch;
    static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0)));
    const auto completions = ring_.Reap();
    if (completions.empty()) return;
    port_->OnCompletions(completions, batch);
    in_between(batch);
    port_->Recycle();
  }

  // Returns copies of the frames that came in.
  std::vector<Bytes> Turn() {
    std::vector<Bytes> frames;
    Turn([&](const FrameBatch& batch) {
      for (const Frame& frame : batch.frames()) {
        EXPECT_EQ(frame.ingress, kPort);
        frames.emplace_back(frame.bytes().begin(), frame.bytes().end());
      }
    });
    return frames;
  }

  void Send(std::span<const Bytes> wires) {
    std::vector<Piece> pieces;
    for (const Bytes& wire : wires) pieces.push_back({wire.data(), wire.size()});
    std::vector<WireFrame> frames;
    for (const Piece& piece : pieces) {
      frames.push_back({.pieces = std::span(&piece, 1), .size = piece.size - kVirtioNetHeaderSize});
    }
    port_->Send(frames);
  }
  void Send(const Bytes& wire) { Send(std::span(&wire, 1)); }

  [[nodiscard]] uint64_t dropped(DropReason reason) const { return counters_.dropped(reason); }
  [[nodiscard]] const PortStatus& status() const { return port_->status(); }

  // Lets the kernel announce a state, which it also returns from now on.
  void Announce(const LinkEvent& link) {
    answer_ = link;
    port_->OnLinkChange(link);
  }

  static LinkEvent UpLink() {
    return {.netns = kHost, .ifindex = 5, .name = "vnet0", .up = true, .mtu = 1500};
  }
  static LinkEvent DownLink() {
    LinkEvent link = UpLink();
    link.up = false;
    return link;
  }
  static LinkEvent RemovedLink() {
    LinkEvent link = DownLink();
    link.removed = true;
    return link;
  }

  static constexpr FileSlot kFile{0};

  FakeRing ring_;
  PortCounters counters_;
  absl::StatusOr<LinkEvent> answer_ = UpLink();
  int queries_ = 0;
  std::unique_ptr<TapPort> port_;
};

}  // namespace tapswitch
