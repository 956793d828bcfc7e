#include "switch/control/metrics/http_listener.h"

#include <poll.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/os/thread_start.h"
#include "ports/os/unix/accept.h"

namespace tapswitch {
namespace {

constexpr std::chrono::seconds kClientTime(2);
constexpr std::chrono::milliseconds kLastTime(300);

// The clients that are accepted before those that are there are served, and the pause after them.
// So those who come and go cost the others nothing.
constexpr int kAcceptsAtOnce = 16;
constexpr std::chrono::milliseconds kAcceptPause(5);
constexpr std::chrono::milliseconds kScarcityPause(100);  // until there are descriptors

HttpAnswer MakeAnswer(std::string_view status, std::string_view type,
                      std::shared_ptr<const std::string> body) {
  return {.head = fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
                              "Connection: close\r\n\r\n",
                              status, type, body->size()),
          .body = body};
}

HttpAnswer Refusal(std::string_view status, std::string body) {
  return MakeAnswer(status, "text/plain", std::make_shared<const std::string>(std::move(body)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Start(FileDescriptor socket,
                                                                  std::string path, Answer answer) {
  auto end = WakeEvent::Create();
  if (!end.ok()) return end.status();
  std::unique_ptr<HttpListener> made(
      new HttpListener(std::move(socket), *std::move(end), std::move(path), std::move(answer)));
  auto thread = StartThread("the thread that answers scrapes", [&it = *made] { it.Run(); });
  if (!thread.ok()) return thread.status();
  made->thread_ = *std::move(thread);
  return made;
}

HttpListener::HttpListener(FileDescriptor socket, WakeEvent end, std::string path, Answer answer)
    : socket_(std::move(socket)),
      end_(std::move(end)),
      path_(std::move(path)),
      answer_(std::move(answer)) {}

HttpListener::~HttpListener() {
  end_.Signal();
  if (thread_.joinable()) thread_.join();
}

void HttpListener::Run() {
  while (!is_ending_ || !clients_.empty()) {
    Await();
    // Those that are there first, as one that has asked by now does not have to make room.
    ServeClients();
    if (std::exchange(has_newcomers_, false) && !is_ending_) AcceptClients();
    ServeClients();
  }
}

void HttpListener::Await() {
  const auto now = Clock::now();
  const bool accepts = !is_ending_ && (!accepts_from_ || *accepts_from_ <= now);
  auto until = now + std::chrono::hours(1);
  std::vector<pollfd> files{{.fd = is_ending_ ? -1 : end_.fd(), .events = POLLIN, .revents = 0},
                            {.fd = accepts ? socket_.get() : -1, .events = POLLIN, .revents = 0}};
  if (!accepts && accepts_from_) until = std::min(until, *accepts_from_);
  for (const HttpConnection& client : clients_) {
    const bool writes = client.state() == HttpConnection::State::kWriting;
    const auto events = static_cast<short>(writes ? POLLOUT : POLLIN);
    files.push_back({.fd = client.fd(), .events = events, .revents = 0});
    until = std::min(until, client.deadline());
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  if (poll(files.data(), files.size(), static_cast<int>(std::max<int64_t>(left, 0))) <= 0) return;
  if (files[0].revents != 0) BeginToEnd();
  has_newcomers_ = files[1].revents != 0;
}

// A client that was accepted is still served, as no other process can: but not for long.
void HttpListener::BeginToEnd() {
  is_ending_ = true;
  for (HttpConnection& client : clients_) client.ShortenDeadline(Clock::now() + kLastTime);
}

void HttpListener::AcceptClients() {
  const auto now = Clock::now();
  accepts_from_ = now + kAcceptPause;
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    Accepted accepted = AcceptConnection(socket_.get());
    if (!accepted.connection.valid()) {
      if (IsScarcity(accepted.refused)) {
        accepts_from_ = now + kScarcityPause;
      } else if (accepted.refused == 0) {
        accepts_from_.reset();
      }
      return;
    }
    if (clients_.size() >= kMostClients) MakeRoom();
    clients_.emplace_back(std::move(accepted.connection), now + kClientTime);
  }
}

void HttpListener::MakeRoom() {
  const auto silent = std::find_if(clients_.begin(), clients_.end(), [](const auto& client) {
    return client.state() == HttpConnection::State::kReading;
  });
  clients_.erase(silent == clients_.end() ? clients_.begin() : silent);
}

void HttpListener::ServeClients() {
  for (auto client = clients_.begin(); client != clients_.end();) {
    client->Continue();
    if (client->state() == HttpConnection::State::kAsked) {
      HttpAnswer answer = AnswerTo(client->request());
      client->Answer(std::move(answer), Clock::now() + (is_ending_ ? kLastTime : kClientTime));
    }
    const bool is_over =
        client->state() == HttpConnection::State::kDone || client->deadline() <= Clock::now();
    client = is_over ? clients_.erase(client) : std::next(client);
  }
}

HttpAnswer HttpListener::AnswerTo(const std::string& request) const {
  const std::string_view line = std::string_view(request).substr(0, request.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t second = line.find_first_of(" ?", first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return Refusal("400 Bad Request", "this is no request of HTTP\n");
  }
  if (line.substr(0, first) != "GET") {
    return Refusal("405 Method Not Allowed", "only GET is answered\n");
  }
  if (line.substr(first + 1, second - first - 1) != path_) {
    return Refusal("404 Not Found", "there is only " + path_ + "\n");
  }
  return MakeAnswer("200 OK", "text/plain; version=0.0.4; charset=utf-8", answer_());
}

}  // namespace tapswitch
