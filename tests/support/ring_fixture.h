// Drives a real ring in a test, one turn after another. Tests are run against each kind of ring.

#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/ring/buffer_pool.h"
#include "ports/ring/packet_frame.h"
#include "ports/ring/poll_ring.h"
#include "ports/ring/ring.h"
#include "ports/ring/uring_ring.h"

namespace tapswitch {

struct RingSizes {
  uint32_t submission_entries = 64;
  uint32_t completion_entries = 256;
  uint32_t files = 8;

  [[nodiscard]] UringQueue::Options uring(bool multishot) const {
    return {.submission_entries = submission_entries,
            .completion_entries = completion_entries,
            .files = files,
            .multishot = multishot};
  }
};

struct RingKind {
  std::string_view name;
  std::function<absl::StatusOr<std::unique_ptr<Ring>>(const RingSizes&)> make;
  bool multishot = false;
  // The kind that the tests' sockets have by default. A ring may read each kind differently.
  FileKind files = FileKind::kFrames;

  friend std::ostream& operator<<(std::ostream& out, const RingKind& kind) {
    return out << kind.name;
  }
};

inline absl::StatusOr<std::unique_ptr<Ring>> MakeMultishotRing(const RingSizes& sizes) {
  return UringRing::Create(sizes.uring(true));
}

inline const std::array<RingKind, 3> kRingKinds{{
    {"UringRing", MakeMultishotRing, true},
    {"UringRingOfOldKernels",
     [](const RingSizes& sizes) { return UringRing::Create(sizes.uring(false)); }},
    {"PollRing", [](const RingSizes& sizes) { return PollRing::Create({.files = sizes.files}); }},
}};

// The kinds of rings, with the kind of file for the first one's way of reading packet sockets.
inline const std::array<RingKind, 4> kRingKindsByRead{
    {kRingKinds[0],
     kRingKinds[1],
     kRingKinds[2],
     {"UringRingOfPackets", MakeMultishotRing, true, FileKind::kPacketSocket}}};

[[nodiscard]] inline std::string RingKindName(const testing::TestParamInfo<RingKind>& kind) {
  return std::string(kind.param.name);
}

constexpr PortId kTestPort{3};
constexpr Tag kReadTag{.operation = Operation::kRead, .port = kTestPort, .generation = 7};
constexpr Tag kWriteTag{.operation = Operation::kWrite, .port = kTestPort, .generation = 7};

// A completion, with the contents of its buffer.
struct RingEvent {
  Completion completion;
  std::string bytes;
};

class RingFixture : public testing::TestWithParam<RingKind> {
 protected:
  static constexpr std::chrono::seconds kPatience{10};

  // Skips the test if this kind of ring is not available.
  void Make(const RingSizes& sizes) {
    ring_.reset();
    absl::StatusOr<std::unique_ptr<Ring>> ring = GetParam().make(sizes);
    if (!ring.ok()) GTEST_SKIP() << ring.status();
    ring_ = *std::move(ring);
  }

  BufferPool& MakePool(BufferId count, size_t size) {
    pool_.reset();
    size += preamble();
    memory_.assign(count * size, std::byte{0});
    return pool_.emplace(memory_, count, size, size);
  }

  // The size of the data in front of each frame in its buffer.
  [[nodiscard]] static size_t preamble() {
    return GetParam().files == FileKind::kPacketSocket ? kPacketPreambleSize : 0;
  }

  // The frame that a read left in `buffer`.
  static std::span<std::byte> TakeFrame(BufferPool& pool, BufferId buffer, size_t size) {
    return pool.TakeOut(buffer, preamble() + size).subspan(preamble());
  }

  FileSlot Add(int fd, BufferPool* pool = nullptr) { return Add(fd, pool, GetParam().files); }
  FileSlot Add(int fd, BufferPool* pool, FileKind kind) {
    const absl::StatusOr<FileSlot> file = ring_->AddFile(fd, pool, kind);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.value_or(FileSlot{});
  }

  // `frames` must stay unchanged until the ring has submitted.
  [[nodiscard]] size_t Write(FileSlot file, const std::vector<std::string>& frames) {
    pieces_.clear();
    for (const std::string& frame : frames) {
      pieces_.push_back({reinterpret_cast<const std::byte*>(frame.data()), frame.size()});
    }
    std::vector<WireFrame> wire;
    for (const Piece& piece : pieces_) wire.push_back({.pieces = {&piece, 1}, .size = piece.size});
    return ring_->QueueWrites(file, wire, kWriteTag);
  }

  // Does one turn. Buffers go home and are kept for GiveBack.
  std::vector<RingEvent> Turn(std::optional<std::chrono::nanoseconds> timeout) {
    static_cast<void>(ring_->SubmitAndWait(timeout));
    std::vector<RingEvent> events;
    for (const Completion& completion : ring_->Reap()) {
      RingEvent& event = events.emplace_back(RingEvent{.completion = completion, .bytes = {}});
      if (!completion.buffer) continue;
      const size_t size = static_cast<size_t>(completion.result) - preamble();
      const auto bytes = TakeFrame(*pool_, *completion.buffer, size);
      event.completion.result = static_cast<int32_t>(size);
      event.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      pool_->BringHome(*completion.buffer);
      home_.push_back(*completion.buffer);
    }
    return events;
  }

  // Does a turn that does not wait.
  std::vector<RingEvent> Look() { return Turn(std::chrono::nanoseconds(0)); }

  // Turns until `count` completions have come. The test fails if they do not come.
  std::vector<RingEvent> Await(size_t count) {
    std::vector<RingEvent> all;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (all.size() < count && std::chrono::steady_clock::now() < deadline) {
      for (RingEvent& event : Turn(std::chrono::milliseconds(100))) {
        all.push_back(std::move(event));
      }
    }
    EXPECT_GE(all.size(), count) << "completions are missing";
    return all;
  }

  void GiveBack(FileSlot file) {
    ring_->ReturnBuffers(file, home_);
    home_.clear();
  }

  // Ends the read in progress, and removes the file.
  void Stop(FileSlot file) {
    ring_->StopRead(file, kReadTag);
    const std::vector<RingEvent> events = Await(1);
    ASSERT_FALSE(events.empty());
    EXPECT_FALSE(events.back().completion.more);
    ring_->RemoveFile(file);
  }

  std::vector<std::byte> memory_;
  std::optional<BufferPool> pool_;
  std::vector<BufferId> home_;
  std::vector<Piece> pieces_;
  std::unique_ptr<Ring> ring_;  // destroyed first
};

}  // namespace tapswitch
