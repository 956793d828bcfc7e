// Keeps the log readable, and its disk free, when something goes wrong once per frame.

#pragma once

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace tapswitch {

// Passes messages on to another sink, those below error only as long as there is room: a token
// bucket. When it has run empty, nothing below error passes until there is room for a second's
// worth again; one line then tells how many messages were left out, so that it comes once a second,
// not once a message. Errors always pass. Any thread may log.
class RateLimitedSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  struct Limit {
    double burst = 1000;     // messages that may come at once: hundreds of ports coming up
    double per_second = 10;  // messages that may come for long; at most `burst`
  };
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  RateLimitedSink(std::shared_ptr<spdlog::sinks::sink> target, Limit limit,
                  Clock clock = std::chrono::steady_clock::now);
  // Tells what was left out, if that was not told yet.
  ~RateLimitedSink() override;

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override;
  void set_pattern_(const std::string& pattern) override;
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override;

 private:
  void Refill();
  void ReportOmitted();

  std::shared_ptr<spdlog::sinks::sink> target_;
  Limit limit_;
  Clock clock_;
  std::chrono::steady_clock::time_point refilled_;
  double tokens_;
  bool empty_ = false;
  uint64_t left_out_ = 0;
  std::string logger_name_;  // of the last message left out
};

}  // namespace tapswitch
