#include "switch/control/metrics/http_connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace tapswitch {
namespace {

constexpr size_t kLongestRequest = 16384;

}  // namespace

void HttpConnection::Continue() {
  if (state_ == State::kReading) Read();
  if (state_ == State::kWriting) Write();
}

void HttpConnection::Read() {
  std::array<char, 4096> part;  // NOLINT(*-member-init): recv fills it
  for (;;) {
    const ssize_t size = recv(fd(), part.data(), part.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size > 0) request_.append(part.data(), static_cast<size_t>(size));
    if (size > 0 && request_.find(kEndOfHttpRequest) != std::string::npos) {
      state_ = State::kAsked;
      return;
    }
    if (size <= 0 || request_.size() > kLongestRequest) {
      state_ = State::kDone;
      return;
    }
  }
}

void HttpConnection::Answer(HttpAnswer answer, Clock::time_point deadline) {
  answer_ = std::move(answer);
  deadline_ = deadline;
  state_ = State::kWriting;
  Write();
}

std::string_view HttpConnection::Rest() const {
  const std::string_view head = answer_.head;
  if (sent_ < head.size()) return head.substr(sent_);
  return std::string_view(*answer_.body).substr(sent_ - head.size());
}

void HttpConnection::Write() {
  for (std::string_view rest = Rest(); !rest.empty(); rest = Rest()) {
    const bool is_head = sent_ < answer_.head.size();
    const ssize_t size = send(fd(), rest.data(), rest.size(),
                              MSG_DONTWAIT | MSG_NOSIGNAL | (is_head ? MSG_MORE : 0));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) break;
    sent_ += static_cast<size_t>(size);
  }
  shutdown(fd(), SHUT_WR);
  state_ = State::kDone;
}

}  // namespace tapswitch
