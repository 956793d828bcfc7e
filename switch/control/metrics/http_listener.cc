#include "switch/control/metrics/http_listener.h"

#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>

namespace tapswitch {
namespace {

using Clock = std::chrono::steady_clock;

// Two, so that one slow client does not keep others out.
constexpr int kThreads = 2;
constexpr std::chrono::seconds kClientTime(2);
constexpr std::chrono::milliseconds kLastTime(300);
constexpr size_t kLongestRequest = 16384;
constexpr std::string_view kEndOfRequest = "\r\n\r\n";

// How long a client is waited for. Once `end` is readable, a client that was accepted is still
// served, as no other process can: but not for long.
class Patience {
 public:
  Patience(int end, Clock::time_point deadline) : end_(end), deadline_(deadline) {}

  // Returns false when the time is over.
  bool Await(int fd, short events) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
      std::array<pollfd, 2> files{{{.fd = fd, .events = events, .revents = 0},
                                   {.fd = end_, .events = POLLIN, .revents = 0}}};
      const int timeout = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 10'000));
      if (poll(files.data(), files.size(), timeout) <= 0) return false;
      if (files[1].revents != 0) {
        end_ = -1;
        deadline_ = std::min<Clock::time_point>(deadline_, Clock::now() + kLastTime);
      }
      if (files[0].revents != 0) return true;
    }
  }

 private:
  int end_;
  Clock::time_point deadline_;
};

// Empty where none came in time.
std::string ReadRequest(int client, Patience patience) {
  std::string request;
  std::array<char, 4096> part{};
  while (request.find(kEndOfRequest) == std::string::npos) {
    if (request.size() > kLongestRequest || !patience.Await(client, POLLIN)) return "";
    const ssize_t size = recv(client, part.data(), part.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size <= 0) return "";
    request.append(part.data(), static_cast<size_t>(size));
  }
  return request;
}

void WriteAll(int client, std::string_view text, Patience patience) {
  while (!text.empty() && patience.Await(client, POLLOUT)) {
    const ssize_t size = send(client, text.data(), text.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return;
    text.remove_prefix(static_cast<size_t>(std::max<ssize_t>(size, 0)));
  }
}

std::string Response(std::string_view status, std::string_view type, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
      status, type, body.size(), body);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Start(
    FileDescriptor socket, std::string path, std::function<std::string()> answer) {
  auto end = WakeEvent::Create();
  if (!end.ok()) return end.status();
  std::unique_ptr<HttpListener> made(
      new HttpListener(std::move(socket), *std::move(end), std::move(path), std::move(answer)));
  try {
    for (int i = 0; i < kThreads; ++i) made->threads_.emplace_back([&it = *made] { it.Run(); });
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(error.what());
  }
  return made;
}

HttpListener::HttpListener(FileDescriptor socket, WakeEvent end, std::string path,
                           std::function<std::string()> answer)
    : socket_(std::move(socket)),
      end_(std::move(end)),
      path_(std::move(path)),
      answer_(std::move(answer)) {}

HttpListener::~HttpListener() {
  end_.Signal();
  for (std::thread& thread : threads_) thread.join();
}

void HttpListener::Run() {
  for (;;) {
    std::array<pollfd, 2> files{{{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = end_.fd(), .events = POLLIN, .revents = 0}}};
    if (poll(files.data(), files.size(), -1) < 0) continue;
    if (files[1].revents != 0) return;
    const FileDescriptor client(
        accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.valid()) {
      Serve(client);
    } else if (errno == EMFILE || errno == ENFILE) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));  // until there are descriptors
    }
  }
}

void HttpListener::Serve(const FileDescriptor& client) const {
  const std::string request =
      ReadRequest(client.get(), Patience(end_.fd(), Clock::now() + kClientTime));
  if (request.empty()) return;
  const std::string text = AnswerTo(request);
  // The time that it took to make the text is not the client's.
  WriteAll(client.get(), text, Patience(end_.fd(), Clock::now() + kClientTime));
  shutdown(client.get(), SHUT_WR);
}

std::string HttpListener::AnswerTo(const std::string& request) const {
  const std::string_view line = std::string_view(request).substr(0, request.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t second = line.find_first_of(" ?", first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return Response("400 Bad Request", "text/plain", "this is no request of HTTP\n");
  }
  if (line.substr(0, first) != "GET") {
    return Response("405 Method Not Allowed", "text/plain", "only GET is answered\n");
  }
  if (line.substr(first + 1, second - first - 1) != path_) {
    return Response("404 Not Found", "text/plain", "there is only " + path_ + "\n");
  }
  return Response("200 OK", "text/plain; version=0.0.4; charset=utf-8", answer_());
}

}  // namespace tapswitch
