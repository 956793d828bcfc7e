// Limits the rate of the log. It stays readable, and does not fill the disk, when an error occurs
// with each frame.

#pragma once

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace tapswitch {

// Passes messages on to another sink. Those below error pass only as long as a token bucket has
// tokens. Once it is empty, nothing below error passes until it holds the tokens of one second
// again. One line then tells how many messages were omitted, so this line comes once a second, not
// once a message. Errors always pass. Any thread may log.
class RateLimitedSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  struct Limit {
    double burst = 1000;     // messages that may arrive at once, as when hundreds of ports come up
    double per_second = 10;  // messages that may arrive permanently; at most `burst`
  };
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  RateLimitedSink(std::shared_ptr<spdlog::sinks::sink> target, Limit limit,
                  Clock clock = std::chrono::steady_clock::now);
  // Reports omitted messages that were not reported yet.
  ~RateLimitedSink() override;
  RateLimitedSink(const RateLimitedSink&) = delete;
  RateLimitedSink& operator=(const RateLimitedSink&) = delete;

  // Passes messages on to `target` from now on.
  void set_target(std::shared_ptr<spdlog::sinks::sink> target);

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
  std::string logger_name_;  // logger of the last omitted message
};

}  // namespace tapswitch
