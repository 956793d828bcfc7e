// Datagrams from one socket to another, as fast as they go or at a given rate, and what arrived:
//
//   udpgen --sink --port=9000
//   udpgen --destination=10.0.0.2 --port=9000 --size=18 --seconds=2
//   {"offered": 1801234, "accepted": 1801234, "seconds": 2.000}
//
// The sender's socket is connected, as those of most protocols on UDP are; the kernel then numbers
// its IPv4 packets. With --gso each call hands over one buffer that is cut into datagrams of --size
// (UDP_SEGMENT). The sink prints how many datagrams and bytes its application received, every time
// it gets SIGUSR1 and at its end, SIGTERM. It has no UDP_GRO unless it is asked for: most
// applications have not, and its kernel then cuts again what was joined on the way.

#include <arpa/inet.h>
#include <gflags/gflags.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "ports/os/file_descriptor.h"

DEFINE_bool(sink, false, "receive and count, instead of sending");
DEFINE_string(destination, "", "IPv4 address to send to");
DEFINE_int32(port, 9000, "port of the sink");
DEFINE_int32(size, 18, "bytes of payload of a datagram");
DEFINE_double(seconds, 1, "how long to send");
DEFINE_double(rate, 0, "datagrams a second, in bursts of up to a batch; 0: as many as go");
DEFINE_bool(gso, false, "hand over many datagrams as one buffer (UDP_SEGMENT)");
DEFINE_bool(gro, false, "sink: take many datagrams as one buffer (UDP_GRO)");

namespace tapswitch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBatch = 64;
constexpr size_t kLargest = 65'507;
constexpr int kReceiveBuffer = 4 << 20;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "udpgen: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(EXIT_FAILURE);
}

FileDescriptor OpenSocket() {
  FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) Die("socket");
  return fd;
}

sockaddr_in Address(const std::string& host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(FLAGS_port));
  if (!host.empty() && inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) Die(host);
  return address;
}

void SetOption(int fd, int level, int option, int value, const char* name) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) Die(name);
}

// ----- the sender --------------------------------------------------------------------------------

// Messages ready to be sent again and again.
class Batch {
 public:
  Batch(size_t size, size_t datagrams_each)
      : datagrams_each_(datagrams_each), payload_(size * datagrams_each) {
    for (size_t i = 0; i < kBatch; ++i) {
      vectors_[i] = {.iov_base = payload_.data(), .iov_len = payload_.size()};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  [[nodiscard]] size_t datagrams() const { return kBatch * datagrams_each_; }

  // Offers about `count` datagrams; returns how many were taken.
  size_t Send(int fd, size_t count) {
    const size_t messages = std::clamp<size_t>(count / datagrams_each_, 1, kBatch);
    const int sent = sendmmsg(fd, messages_.data(), static_cast<unsigned>(messages), 0);
    offered_ += messages * datagrams_each_;
    if (sent >= 0) return static_cast<size_t>(sent) * datagrams_each_;
    // ECONNREFUSED: an earlier one found no sink yet.
    if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED) Die("send");
    return 0;
  }

  [[nodiscard]] uint64_t offered() const { return offered_; }

 private:
  size_t datagrams_each_;
  uint64_t offered_ = 0;
  std::vector<std::byte> payload_;
  std::array<iovec, kBatch> vectors_{};
  std::array<mmsghdr, kBatch> messages_{};
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int RunSender() {
  const FileDescriptor fd = OpenSocket();
  const sockaddr_in address = Address(FLAGS_destination);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Die("connect");
  }
  const auto size = static_cast<size_t>(FLAGS_size);
  size_t datagrams_each = 1;
  if (FLAGS_gso) {
    SetOption(fd.get(), SOL_UDP, UDP_SEGMENT, FLAGS_size, "UDP_SEGMENT");
    datagrams_each = std::clamp<size_t>(kLargest / size, 1, 64);
  }
  Batch batch(size, datagrams_each);
  uint64_t accepted = 0;
  double seconds = 0;
  const auto start = Clock::now();
  while ((seconds = SecondsSince(start)) < FLAGS_seconds) {
    size_t due = batch.datagrams();
    if (FLAGS_rate > 0) {
      const double lag = FLAGS_rate * seconds - static_cast<double>(batch.offered());
      if (lag < 1) {
        std::this_thread::sleep_for(std::chrono::duration<double>((1 - lag) / FLAGS_rate));
        continue;
      }
      due = std::min(due, static_cast<size_t>(lag));
    }
    accepted += batch.Send(fd.get(), due);
  }
  std::printf("{\"offered\": %ju, \"accepted\": %ju, \"seconds\": %.6f}\n",
              static_cast<uintmax_t>(batch.offered()), static_cast<uintmax_t>(accepted), seconds);
  return EXIT_SUCCESS;
}

// ----- the sink ----------------------------------------------------------------------------------

// NOLINTBEGIN(*-avoid-non-const-global-variables): what a signal handler can write
volatile std::sig_atomic_t asked = 0;
volatile std::sig_atomic_t ended = 0;
// NOLINTEND(*-avoid-non-const-global-variables)

// Datagrams in a message: with UDP_GRO it may be many, and their size comes with it.
uint64_t DatagramsIn(const msghdr& message, size_t length) {
  for (const cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr;
       one = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(one))) {
    if (one->cmsg_level != SOL_UDP || one->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(one), sizeof(size));
    if (size > 0) return (length + static_cast<size_t>(size) - 1) / static_cast<size_t>(size);
  }
  return 1;
}

int RunSink() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { (signal == SIGUSR1 ? asked : ended) = 1; };
  sigaction(SIGUSR1, &action, nullptr);  // no SA_RESTART: they end a wait
  sigaction(SIGTERM, &action, nullptr);
  const FileDescriptor fd = OpenSocket();
  SetOption(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer, "SO_RCVBUFFORCE");
  if (FLAGS_gro) SetOption(fd.get(), SOL_UDP, UDP_GRO, 1, "UDP_GRO");
  const sockaddr_in address = Address("");
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Die("bind");
  }
  const size_t room = FLAGS_gro ? 65'536 : 2048;
  std::vector<std::byte> payload(kBatch * room);
  std::array<std::array<std::byte, 64>, kBatch> control{};
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> messages{};
  uint64_t datagrams = 0;
  uint64_t bytes = 0;
  const auto report = [&] {
    std::printf("{\"datagrams\": %ju, \"bytes\": %ju}\n", static_cast<uintmax_t>(datagrams),
                static_cast<uintmax_t>(bytes));
    std::fflush(stdout);
  };
  std::printf("{\"listening\": true}\n");
  std::fflush(stdout);
  while (ended == 0) {
    for (size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {.iov_base = &payload[i * room], .iov_len = room};
      messages[i].msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1};
      if (!FLAGS_gro) continue;
      messages[i].msg_hdr.msg_control = control[i].data();
      messages[i].msg_hdr.msg_controllen = control[i].size();
    }
    const int count = recvmmsg(fd.get(), messages.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (count < 0 && errno != EINTR) Die("receive");
    for (int i = 0; i < count; ++i) {
      const mmsghdr& message = messages[static_cast<size_t>(i)];
      datagrams += DatagramsIn(message.msg_hdr, message.msg_len);
      bytes += message.msg_len;
    }
    if (asked != 0) {
      asked = 0;
      report();
    }
  }
  report();
  return EXIT_SUCCESS;
}

int Main() {
  if (FLAGS_size < 1 || FLAGS_size > static_cast<int>(kLargest)) {
    errno = EINVAL;
    Die("--size");
  }
  return FLAGS_sink ? RunSink() : RunSender();
}

}  // namespace
}  // namespace tapswitch

int main(int argc, char** argv) {
  gflags::SetUsageMessage("sends datagrams: udpgen --destination=ADDRESS | --sink [flags]");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  return tapswitch::Main();
}
