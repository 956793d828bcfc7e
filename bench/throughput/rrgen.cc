// Request-response: a client sends a request, waits for its answer, and sends the next one:
//
//   rrgen --server --protocol=udp --port=9100 --pairs=16
//   rrgen --destination=10.0.0.2 --protocol=udp --port=9100 --pairs=16 --seconds=2
//   {"transactions": 50412, "seconds": 2.000, "lost": 0, "p50": 38.1, "p99": 70.2, "p99.9": 130.4}
//
// Each pair is one thread of the client, one of the server, and one connection; UDP pairs have
// ports of their own. With --rate each client sends so many requests a second, at fixed moments,
// and sleeps in between; a late answer delays the next request, but not those behind it. The
// percentiles are of the round trips, in microseconds. A datagram without an answer within 100 ms
// counts as lost, and the client goes on.

#include <arpa/inet.h>
#include <gflags/gflags.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "ports/os/file_descriptor.h"

DEFINE_bool(server, false, "answer requests, instead of sending them");
DEFINE_string(destination, "", "IPv4 address of the server");
DEFINE_string(protocol, "udp", "udp or tcp");
DEFINE_int32(port, 9100, "port of the server, the first one if there are several");
DEFINE_int32(pairs, 1, "clients that send at the same time");
DEFINE_double(seconds, 1, "how long to send");
DEFINE_double(rate, 0, "requests a second of each client; 0: one as soon as the last is answered");

namespace tapswitch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience(100);

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "rrgen: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(EXIT_FAILURE);
}

bool IsTcp() { return FLAGS_protocol == "tcp"; }

void SetOption(int fd, int level, int option, int value, const char* name) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) Die(name);
}

FileDescriptor OpenSocket() {
  FileDescriptor fd(socket(AF_INET, (IsTcp() ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  if (!fd.valid()) Die("socket");
  if (IsTcp()) SetOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  return fd;
}

sockaddr_in Address(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (!host.empty() && inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) Die(host);
  return address;
}

// ----- the server --------------------------------------------------------------------------------

FileDescriptor Bind(int port) {
  FileDescriptor fd = OpenSocket();
  SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  const sockaddr_in address = Address("", port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Die("bind");
  }
  return fd;
}

// Sends back each datagram, or each piece of a stream until its end.
void Answer(const FileDescriptor& fd) {
  std::array<std::byte, 2048> request{};
  for (;;) {
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    const ssize_t length = recvfrom(fd.get(), request.data(), request.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &size);
    if (length <= 0 && IsTcp()) return;
    if (length < 0) continue;
    static_cast<void>(sendto(fd.get(), request.data(), static_cast<size_t>(length), MSG_NOSIGNAL,
                             IsTcp() ? nullptr : reinterpret_cast<const sockaddr*>(&from),
                             IsTcp() ? 0 : size));
  }
}

int RunServer() {
  if (IsTcp()) {
    const FileDescriptor listener = Bind(FLAGS_port);
    if (listen(listener.get(), SOMAXCONN) != 0) Die("listen");
    std::puts("listening");
    std::fflush(stdout);
    for (;;) {
      FileDescriptor fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd.valid()) Die("accept");
      SetOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
      std::thread([fd = std::move(fd)] { Answer(fd); }).detach();
    }
  }
  std::vector<FileDescriptor> sockets;
  sockets.reserve(static_cast<size_t>(FLAGS_pairs));
  for (int pair = 0; pair < FLAGS_pairs; ++pair) sockets.push_back(Bind(FLAGS_port + pair));
  std::puts("listening");
  std::fflush(stdout);
  std::vector<std::thread> threads;
  threads.reserve(sockets.size());
  for (const FileDescriptor& fd : sockets) threads.emplace_back([&fd] { Answer(fd); });
  for (std::thread& thread : threads) thread.join();
  return EXIT_SUCCESS;
}

// ----- the client --------------------------------------------------------------------------------

// One connection, and the round trips of its requests.
class Client {
 public:
  explicit Client(int pair) : fd_(OpenSocket()) {
    const sockaddr_in address = Address(FLAGS_destination, FLAGS_port + (IsTcp() ? 0 : pair));
    if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      Die("connect");
    }
    const timeval patience{.tv_sec = 0, .tv_usec = std::chrono::microseconds(kPatience).count()};
    if (setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
      Die("SO_RCVTIMEO");
    }
  }

  void Run(Clock::time_point start, Clock::time_point end) {
    prctl(PR_SET_TIMERSLACK, 1UL);
    const auto interval = std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(FLAGS_rate > 0 ? 1 / FLAGS_rate : 0));
    for (auto next = start; next < end; next = std::max(next + interval, Clock::now())) {
      if (FLAGS_rate > 0) std::this_thread::sleep_until(next);
      Transact();
    }
  }

  [[nodiscard]] const std::vector<float>& trips() const { return trips_; }
  [[nodiscard]] uint64_t lost() const { return lost_; }

 private:
  void Transact() {
    ++sequence_;
    const auto sent = Clock::now();
    if (send(fd_.get(), &sequence_, sizeof(sequence_), MSG_NOSIGNAL) < 0 && IsTcp()) Die("send");
    uint64_t answer = 0;
    while (answer != sequence_) {
      if (recv(fd_.get(), &answer, sizeof(answer), MSG_WAITALL) > 0) continue;
      ++lost_;
      return;
    }
    trips_.push_back(std::chrono::duration<float, std::micro>(Clock::now() - sent).count());
  }

  FileDescriptor fd_;
  uint64_t sequence_ = 0;
  uint64_t lost_ = 0;
  std::vector<float> trips_;
};

double Percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return static_cast<double>(*at);
}

int RunClient() {
  std::vector<Client> clients;
  clients.reserve(static_cast<size_t>(FLAGS_pairs));
  for (int pair = 0; pair < FLAGS_pairs; ++pair) clients.emplace_back(pair);
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(FLAGS_seconds));
  std::vector<std::thread> threads;
  threads.reserve(clients.size());
  for (size_t i = 0; i < clients.size(); ++i) {
    // Spread over one interval, as independent clients are.
    const double share = static_cast<double>(i) / static_cast<double>(clients.size());
    const auto first =
        start + std::chrono::duration_cast<Clock::duration>(
                    std::chrono::duration<double>(FLAGS_rate > 0 ? share / FLAGS_rate : 0));
    threads.emplace_back([&client = clients[i], first, end] { client.Run(first, end); });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::vector<float> trips;
  uint64_t lost = 0;
  for (const Client& client : clients) {
    trips.insert(trips.end(), client.trips().begin(), client.trips().end());
    lost += client.lost();
  }
  std::printf(
      "{\"transactions\": %zu, \"seconds\": %.6f, \"lost\": %ju, \"p50\": %.1f, \"p99\": %.1f, "
      "\"p99.9\": %.1f}\n",
      trips.size(), seconds, static_cast<uintmax_t>(lost), Percentile(trips, 0.5),
      Percentile(trips, 0.99), Percentile(trips, 0.999));
  return EXIT_SUCCESS;
}

int Main() {
  if (FLAGS_protocol != "udp" && FLAGS_protocol != "tcp") {
    errno = EINVAL;
    Die("--protocol");
  }
  return FLAGS_server ? RunServer() : RunClient();
}

}  // namespace
}  // namespace tapswitch

int main(int argc, char** argv) {
  gflags::SetUsageMessage("asks and is answered: rrgen --destination=ADDRESS | --server [flags]");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  return tapswitch::Main();
}
