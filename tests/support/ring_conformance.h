// Checks rings against the contract of ports/ring/ring.h, over the ends of socket pairs.

#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "tests/support/ring_fixture.h"

namespace tapswitch {

// A file of the ring, and its far side. SOCK_SEQPACKET behaves like a TAP in the respects that
// matter here: one read is one message, cut silently to the buffer's size, and one write is one
// message.
class Link {
 public:
  Link() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()), 0);
    near_ = FileDescriptor(ends[0]);
    far_ = FileDescriptor(ends[1]);
    const int size = 128 << 10;
    EXPECT_EQ(setsockopt(near(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
  }

  [[nodiscard]] int near() const { return near_.get(); }
  [[nodiscard]] int far() const { return far_.get(); }
  void CloseFar() { far_ = FileDescriptor(); }
  void CloseNear() { near_ = FileDescriptor(); }

  void Arrive(const std::string& frame) const {
    ASSERT_EQ(send(far(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
  }

  // The next frame that was written, if there is one.
  [[nodiscard]] std::optional<std::string> Written() const {
    std::array<char, 4096> bytes{};
    const ssize_t size = recv(far(), bytes.data(), bytes.size(), 0);
    if (size < 0) return std::nullopt;
    return std::string(bytes.data(), static_cast<size_t>(size));
  }

  [[nodiscard]] std::vector<std::string> AllWritten() const {
    std::vector<std::string> all;
    while (auto frame = Written()) all.push_back(*std::move(frame));
    return all;
  }

 private:
  FileDescriptor near_;
  FileDescriptor far_;
};

// A size that exceeds the send buffer of a Link, which the kernel makes twice as large as asked for
// (socket(7)): EMSGSIZE.
constexpr size_t kUnsendable = 512U << 10U;

constexpr size_t kBufferSize = 256;

class RingConformanceTest : public RingFixture {
 protected:
  void SetUp() override { Make({}); }

  using RingFixture::Add;
  FileSlot Add(const Link& link, BufferPool* pool = nullptr) { return Add(link.near(), pool); }

  BufferPool& MakePool(BufferId count) { return RingFixture::MakePool(count, kBufferSize); }
};

}  // namespace tapswitch
