// A client of the metrics: a request, and its answer. It is never waited for.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

// The answer to a client. Several may share a body.
struct HttpAnswer {
  std::string head;
  std::shared_ptr<const std::string> body;
};

// The end of a request's first part, after which it is answered.
inline constexpr std::string_view kEndOfHttpRequest = "\r\n\r\n";

class HttpConnection {
 public:
  using Clock = std::chrono::steady_clock;

  enum class State : uint8_t {
    kReading,  // its request is not whole yet
    kAsked,    // it awaits an answer
    kWriting,
    kDone,  // it has its answer, or has hung up or sent too much
  };

  // `connection` does not block. Whoever is not done at the deadline is given up.
  HttpConnection(FileDescriptor connection, Clock::time_point deadline)
      : connection_(std::move(connection)), deadline_(deadline) {}

  [[nodiscard]] int fd() const { return connection_.get(); }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& request() const { return request_; }
  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
  void ShortenDeadline(Clock::time_point latest) { deadline_ = std::min(deadline_, latest); }

  // Reads, or writes, as far as that goes now.
  void Continue();
  // Begins to write. The time that it took to make the answer is not the client's.
  void Answer(HttpAnswer answer, Clock::time_point deadline);

 private:
  void Read();
  void Write();
  // The bytes that are to be sent next; none if all is sent.
  [[nodiscard]] std::string_view Rest() const;

  FileDescriptor connection_;
  State state_ = State::kReading;
  std::string request_;
  HttpAnswer answer_;
  size_t sent_ = 0;
  Clock::time_point deadline_;
};

}  // namespace tapswitch
