// Two guests without virtual machines: connects twice to a switch's Unix sockets, sends frames from
// one to the other as fast as they go, and prints what arrived:
//
//   unixgen --stream=vm1.sock,vm2.sock --size=64 --seconds=2
//   unixgen --vde=DIRECTORY --size=64 --seconds=2
//   {"sent": 1801234, "received": 1312345, "seconds": 2.000}
//
// With --stream it speaks as QEMU's `-netdev stream`, with --vde as libvdeplug: over a control
// connection each side tells the other its datagram socket, over which a frame is a datagram.
// Either way a frame is sent by a system call of its own, as QEMU does it for a guest's network
// card, unless --batch says otherwise. The receiver takes what is there, many frames a call in both
// cases.
//
// --one-way=false has both send, and counts what both receive.

#include <gflags/gflags.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ports/os/file_descriptor.h"

DEFINE_string(stream, "", "PATH,PATH: sockets of two ports, or twice that of several");
DEFINE_string(vde, "", "directory of a vde_switch");
DEFINE_int32(size, 64, "bytes of a frame, without the frame check sequence");
DEFINE_int32(batch, 1, "frames sent by one system call");
DEFINE_double(seconds, 1, "how long to send");
DEFINE_bool(one_way, true, "only the first one sends");

namespace tapswitch {
namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<unsigned char>;

constexpr unsigned kMaxBatch = 256;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "unixgen: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(EXIT_FAILURE);
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

FileDescriptor ConnectStream(const std::string& path) {
  FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressOf(path);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Die("connect to " + path);
  }
  return fd;
}

// One end: sends one frame over and over, and counts what arrives.
class Guest {
 public:
  virtual ~Guest() = default;
  // Sends `batch` copies of the frame; returns how many were taken.
  virtual unsigned Send(unsigned batch) = 0;
  // Waits for frames, a tenth of a second at most; returns how many came.
  virtual uint64_t Receive() = 0;

 protected:
  static bool WaitForFrames(int fd) {
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&ready, 1, 100) == 1;
  }
};

class StreamGuest final : public Guest {
 public:
  StreamGuest(const std::string& path, const Bytes& frame) : fd_(ConnectStream(path)) {
    for (unsigned i = 0; i < kMaxBatch; ++i) {
      for (const int shift : {24, 16, 8, 0}) {
        wire_.push_back(static_cast<unsigned char>(frame.size() >> static_cast<unsigned>(shift)));
      }
      wire_.insert(wire_.end(), frame.begin(), frame.end());
    }
  }

  unsigned Send(unsigned batch) override {
    const size_t size = wire_.size() / kMaxBatch * batch;
    for (size_t done = 0; done < size;) {
      const ssize_t sent = send(fd_.get(), wire_.data() + done, size - done, MSG_NOSIGNAL);
      if (sent < 0) Die("send");
      done += static_cast<size_t>(sent);
    }
    return batch;
  }

  // All frames are of one size, so counting bytes will do.
  uint64_t Receive() override {
    if (!WaitForFrames(fd_.get())) return 0;
    const ssize_t size = recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
    if (size <= 0) Die("recv");
    const uint64_t before = bytes_ / (wire_.size() / kMaxBatch);
    bytes_ += static_cast<uint64_t>(size);
    return bytes_ / (wire_.size() / kMaxBatch) - before;
  }

 private:
  FileDescriptor fd_;
  Bytes wire_;
  Bytes buffer_ = Bytes(size_t{128} * 1024);
  uint64_t bytes_ = 0;
};

// The request of vde_switch (vde2, include/vde/vdecommon.h... "request_v3").
struct [[gnu::packed]] VdeRequest {
  uint32_t magic = 0xfeedface;
  uint32_t version = 3;
  uint32_t type = 0;  // REQ_NEW_CONTROL, any port
  sockaddr_un data{};
  std::array<char, 8> description{'u', 'n', 'i', 'x', 'g', 'e', 'n'};
};

class VdeGuest final : public Guest {
 public:
  VdeGuest(const std::string& directory, int number, Bytes frame)
      : control_(ConnectStream(directory + "/ctl")),
        data_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        path_(directory + "/.unixgen" + std::to_string(number)),
        frame_(std::move(frame)),
        buffer_(kMaxBatch * kSlot) {
    unlink(path_.c_str());
    VdeRequest request{.data = AddressOf(path_)};
    sockaddr_un remote{};
    const sockaddr_un local = AddressOf(path_);
    if (bind(data_.get(), reinterpret_cast<const sockaddr*>(&local), sizeof(local)) != 0) {
      Die("bind " + path_);
    }
    if (send(control_.get(), &request, sizeof(request), 0) < 0 ||
        recv(control_.get(), &remote, sizeof(remote), 0) <= 0 ||
        connect(data_.get(), reinterpret_cast<const sockaddr*>(&remote), sizeof(remote)) != 0) {
      Die("vde_switch");
    }
    out_ = {frame_.data(), frame_.size()};
    for (unsigned i = 0; i < kMaxBatch; ++i) {
      sent_[i].msg_hdr.msg_iov = &out_;
      sent_[i].msg_hdr.msg_iovlen = 1;
      in_[i] = {buffer_.data() + i * kSlot, kSlot};
      received_[i].msg_hdr.msg_iov = &in_[i];
      received_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  ~VdeGuest() override { unlink(path_.c_str()); }
  VdeGuest(const VdeGuest&) = delete;
  VdeGuest& operator=(const VdeGuest&) = delete;

  unsigned Send(unsigned batch) override {
    if (batch == 1) return send(data_.get(), frame_.data(), frame_.size(), 0) < 0 ? 0 : 1;
    const int sent = sendmmsg(data_.get(), sent_.data(), batch, 0);
    return sent < 0 ? 0 : static_cast<unsigned>(sent);
  }

  uint64_t Receive() override {
    if (!WaitForFrames(data_.get())) return 0;
    const int count = recvmmsg(data_.get(), received_.data(), kMaxBatch, MSG_DONTWAIT, nullptr);
    return count < 0 ? 0 : static_cast<uint64_t>(count);
  }

 private:
  static constexpr size_t kSlot = 2048;

  FileDescriptor control_;
  FileDescriptor data_;
  std::string path_;
  Bytes frame_;
  Bytes buffer_;
  iovec out_{};
  std::array<iovec, kMaxBatch> in_{};
  std::array<mmsghdr, kMaxBatch> sent_{};
  std::array<mmsghdr, kMaxBatch> received_{};
};

Bytes FrameFrom(unsigned char from, unsigned char to) {
  Bytes frame{2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xB5};
  frame.resize(static_cast<size_t>(std::max(14, FLAGS_size)));
  return frame;
}

std::unique_ptr<Guest> MakeGuest(int number) {
  const Bytes frame =
      FrameFrom(static_cast<unsigned char>(number), static_cast<unsigned char>(3 - number));
  if (!FLAGS_vde.empty()) return std::make_unique<VdeGuest>(FLAGS_vde, number, frame);
  const size_t comma = FLAGS_stream.find(',');
  const std::string path =
      number == 1 ? FLAGS_stream.substr(0, comma) : FLAGS_stream.substr(comma + 1);
  return std::make_unique<StreamGuest>(path, frame);
}

// Until both are known to the switch, and it is known to take their frames.
void Introduce(Guest& first, Guest& second) {
  for (int i = 0; i < 100; ++i) {
    second.Send(1);
    first.Send(1);
    if (first.Receive() > 0 && second.Receive() > 0) break;
  }
  while (first.Receive() > 0 || second.Receive() > 0) continue;
}

void Run() {
  const auto first = MakeGuest(1);
  const auto second = MakeGuest(2);
  Introduce(*first, *second);
  const auto batch = static_cast<unsigned>(std::clamp<int>(FLAGS_batch, 1, kMaxBatch));
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> sent = 0;
  std::atomic<uint64_t> received = 0;
  std::vector<std::thread> threads;
  const auto send_from = [&](Guest& guest) {
    threads.emplace_back([&] {
      while (!stop) sent += guest.Send(batch);
    });
  };
  const auto receive_at = [&](Guest& guest) {
    threads.emplace_back([&] {
      while (!stop) received += guest.Receive();
    });
  };
  receive_at(*second);
  if (!FLAGS_one_way) receive_at(*first);
  send_from(*first);
  if (!FLAGS_one_way) send_from(*second);

  // The counters at both ends of a window in which everything is under way.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto begin = Clock::now();
  const uint64_t sent_before = sent;
  const uint64_t received_before = received;
  std::this_thread::sleep_for(std::chrono::duration<double>(FLAGS_seconds));
  const uint64_t sent_in_window = sent - sent_before;
  const uint64_t received_in_window = received - received_before;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("{\"sent\": %llu, \"received\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(sent_in_window),
              static_cast<unsigned long long>(received_in_window), seconds);
  std::fflush(stdout);
  // A sender may be waiting for room that nobody makes any more.
  std::_Exit(EXIT_SUCCESS);
}

}  // namespace
}  // namespace tapswitch

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  if (FLAGS_vde.empty() == FLAGS_stream.empty()) {
    std::fprintf(stderr, "unixgen: give either --stream=PATH,PATH or --vde=DIRECTORY\n");
    return EXIT_FAILURE;
  }
  tapswitch::Run();
  return EXIT_SUCCESS;
}
