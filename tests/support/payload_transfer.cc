#include "tests/support/payload_transfer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ports/os/file_descriptor.h"

namespace tapswitch {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int kPatienceMilliseconds = 20'000;
constexpr int kRetryMilliseconds = 1'000;
constexpr int kTries = 20;

// Eight at once: a byte each would take longer than to carry them.
Bytes RandomBytes(size_t size) {
  std::mt19937_64 random(size);
  Bytes bytes(size);
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t number = random();
    memcpy(&bytes[at], &number, std::min(sizeof(number), size - at));
  }
  return bytes;
}

int Domain(IpVersion version) { return version == IpVersion::kV4 ? AF_INET : AF_INET6; }

// An address of a socket, with its port.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);

  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// The host's address; the kernel chooses the port.
SocketAddress AddressOf(const TestHost& host, IpVersion version) {
  SocketAddress address;
  const std::string text = host.address(version);
  address.storage.ss_family = static_cast<sa_family_t>(Domain(version));
  void* const bytes =
      version == IpVersion::kV4
          ? static_cast<void*>(&reinterpret_cast<sockaddr_in*>(&address.storage)->sin_addr)
          : static_cast<void*>(&reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_addr);
  EXPECT_EQ(inet_pton(Domain(version), text.c_str(), bytes), 1) << text;
  address.size = version == IpVersion::kV4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  return address;
}

// A socket that is bound to the host's address; `bound` becomes that address, with the port.
FileDescriptor OpenBound(const TestHost& host, IpVersion version, int type, SocketAddress& bound) {
  FileDescriptor socket = host.OpenSocket(Domain(version), type);
  bound = AddressOf(host, version);
  EXPECT_EQ(bind(socket.get(), bound.get(), bound.size), 0) << strerror(errno);
  EXPECT_EQ(getsockname(socket.get(), bound.get(), &bound.size), 0) << strerror(errno);
  return socket;
}

bool IsReadable(int socket, int milliseconds) {
  pollfd ready{.fd = socket, .events = POLLIN, .revents = 0};
  return poll(&ready, 1, milliseconds) == 1;
}

struct Connection {
  FileDescriptor client;
  FileDescriptor server;
};

Connection Connect(const TestHost& from, const TestHost& to, IpVersion version) {
  SocketAddress address;
  const FileDescriptor listener = OpenBound(to, version, SOCK_STREAM, address);
  EXPECT_EQ(listen(listener.get(), 1), 0) << strerror(errno);
  FileDescriptor client = from.OpenSocket(Domain(version), SOCK_STREAM);
  const timeval limit{.tv_sec = kPatienceMilliseconds / 1000, .tv_usec = 0};
  setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));  // of connect, too
  EXPECT_EQ(connect(client.get(), address.get(), address.size), 0) << strerror(errno);
  EXPECT_TRUE(IsReadable(listener.get(), kPatienceMilliseconds)) << "no connection came";
  return {.client = std::move(client),
          .server = FileDescriptor(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
}

// Writes and reads in turns, as either is possible, until all bytes have come and were right.
void Pump(int from, int to, std::span<const std::byte> payload) {
  Bytes buffer(size_t{256} << 10U);
  for (size_t sent = 0, received = 0; received < payload.size();) {
    const bool has_more = sent < payload.size();
    std::array<pollfd, 2> sockets{
        {{.fd = from, .events = static_cast<short>(has_more ? POLLOUT : 0), .revents = 0},
         {.fd = to, .events = POLLIN, .revents = 0}}};
    ASSERT_GT(poll(sockets.data(), sockets.size(), kPatienceMilliseconds), 0)
        << "nothing moves after " << received << " of " << sent << " bytes";
    if (has_more && sockets[0].revents != 0) {
      const ssize_t size = send(from, payload.subspan(sent).data(), payload.size() - sent,
                                MSG_DONTWAIT | MSG_NOSIGNAL);
      ASSERT_GT(size, 0) << strerror(errno);
      sent += static_cast<size_t>(size);
    }
    if (sockets[1].revents != 0) {
      const ssize_t size = recv(to, buffer.data(), buffer.size(), MSG_DONTWAIT);
      ASSERT_GT(size, 0) << strerror(errno);
      const auto expected = payload.subspan(received, static_cast<size_t>(size));
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), buffer.begin()))
          << "a difference in the " << size << " bytes behind the first " << received;
      received += static_cast<size_t>(size);
    }
  }
}

// Datagrams from one socket to another.
class DatagramChannel {
 public:
  DatagramChannel(const TestHost& from, const TestHost& to, IpVersion version)
      : sender_(from.OpenSocket(Domain(version), SOCK_DGRAM)) {
    SocketAddress address;
    receiver_ = OpenBound(to, version, SOCK_DGRAM, address);
    EXPECT_EQ(connect(sender_.get(), address.get(), address.size), 0) << strerror(errno);
    // Room for the largest datagram there is, in one piece.
    constexpr int kRoom = 4 << 20;
    setsockopt(sender_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kRoom, sizeof(kRoom));
    setsockopt(receiver_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof(kRoom));
  }

  // Every send() from now on is cut into datagrams of this size.
  void CutInto(int segment) {
    EXPECT_EQ(setsockopt(sender_.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0)
        << strerror(errno);
  }

  // Sends it, and again until it arrives as these datagrams. False when send() says EIO.
  [[nodiscard]] bool Exchange(std::span<const std::byte> payload,
                              const std::vector<Bytes>& datagrams) {
    for (int i = 0; i < kTries; ++i) {
      const ssize_t size = send(sender_.get(), payload.data(), payload.size(), 0);
      if (size < 0 && errno == EIO) return false;
      EXPECT_EQ(size, static_cast<ssize_t>(payload.size())) << strerror(errno);
      if (size < 0 || Arrives(datagrams)) return true;
    }
    ADD_FAILURE() << payload.size() << " bytes do not arrive";
    return true;
  }

 private:
  // False when something is missing.
  bool Arrives(const std::vector<Bytes>& datagrams) {
    for (size_t i = 0; i < datagrams.size();) {
      if (!IsReadable(receiver_.get(), kRetryMilliseconds)) return false;
      const Bytes datagram = Receive();
      if (datagram == datagrams[i]) {
        last_ = datagram;
        ++i;
      } else if (datagram != last_) {  // not the late first copy of one that was sent twice
        ADD_FAILURE() << "a datagram of " << datagram.size() << " bytes came in place of the "
                      << datagrams[i].size() << " bytes that were sent";
        return true;
      }
    }
    return true;
  }

  Bytes Receive() {
    Bytes bytes(65536);
    const ssize_t size = recv(receiver_.get(), bytes.data(), bytes.size(), 0);
    EXPECT_GE(size, 0) << strerror(errno);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return bytes;
  }

  FileDescriptor sender_;
  FileDescriptor receiver_;
  Bytes last_;
};

}  // namespace

void ExpectTcpCarries(const TestHost& from, const TestHost& to, IpVersion version, size_t size) {
  SCOPED_TRACE("TCP from " + from.name() + " to " + to.address(version));
  Connection connection = Connect(from, to, version);
  if (testing::Test::HasFailure()) return;
  Pump(connection.client.get(), connection.server.get(), RandomBytes(size));
  connection.client = FileDescriptor();
  EXPECT_TRUE(IsReadable(connection.server.get(), kPatienceMilliseconds)) << "no end of the stream";
  std::byte more{};
  EXPECT_EQ(recv(connection.server.get(), &more, 1, MSG_DONTWAIT), 0);
}

void ExpectUdpCarries(const TestHost& from, const TestHost& to, IpVersion version,
                      std::span<const size_t> sizes) {
  SCOPED_TRACE("UDP from " + from.name() + " to " + to.address(version));
  DatagramChannel channel(from, to, version);
  for (const size_t size : sizes) {
    const Bytes payload = RandomBytes(size);
    EXPECT_TRUE(channel.Exchange(payload, {payload}));
    if (testing::Test::HasFailure()) return;
  }
}

bool ExpectUdpSegmentsArrive(const TestHost& from, const TestHost& to, IpVersion version,
                             size_t segment, size_t size) {
  SCOPED_TRACE("UDP segments from " + from.name() + " to " + to.address(version));
  const Bytes payload = RandomBytes(size);
  std::vector<Bytes> datagrams;
  for (size_t at = 0; at < size; at += segment) {
    const auto part = std::span(payload).subspan(at, std::min(segment, size - at));
    datagrams.emplace_back(part.begin(), part.end());
  }
  DatagramChannel channel(from, to, version);
  channel.CutInto(static_cast<int>(segment));
  return channel.Exchange(payload, datagrams);
}

}  // namespace tapswitch
