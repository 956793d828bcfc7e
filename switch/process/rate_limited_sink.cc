#include "switch/process/rate_limited_sink.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace tapswitch {

RateLimitedSink::RateLimitedSink(std::shared_ptr<spdlog::sinks::sink> target, Limit limit,
                                 Clock clock)
    : target_(std::move(target)),
      limit_(limit),
      clock_(std::move(clock)),
      refilled_(clock_()),
      tokens_(limit.burst) {}

RateLimitedSink::~RateLimitedSink() { ReportOmitted(); }

void RateLimitedSink::set_target(std::shared_ptr<spdlog::sinks::sink> target) {
  const std::lock_guard<std::mutex> lock(mutex_);
  target_ = std::move(target);
}

void RateLimitedSink::sink_it_(const spdlog::details::log_msg& message) {
  if (message.level >= spdlog::level::err) {
    ReportOmitted();  // the error may be its consequence
    target_->log(message);
    return;
  }
  Refill();
  if (empty_) {
    ++left_out_;
    logger_name_.assign(message.logger_name.data(), message.logger_name.size());
    return;
  }
  ReportOmitted();
  tokens_ -= 1;
  empty_ = tokens_ < 1;
  target_->log(message);
}

void RateLimitedSink::Refill() {
  const auto now = clock_();
  const std::chrono::duration<double> passed = now - refilled_;
  refilled_ = now;
  tokens_ = std::min(limit_.burst, tokens_ + passed.count() * limit_.per_second);
  if (tokens_ >= std::max(limit_.per_second, 1.0)) empty_ = false;
}

void RateLimitedSink::ReportOmitted() {
  if (left_out_ == 0) return;
  const std::string text =
      fmt::format("{} messages were left out: there were too many at once", left_out_);
  left_out_ = 0;
  target_->log(spdlog::details::log_msg(logger_name_, spdlog::level::warn, text));
}

void RateLimitedSink::flush_() { target_->flush(); }

void RateLimitedSink::set_pattern_(const std::string& pattern) { target_->set_pattern(pattern); }

void RateLimitedSink::set_formatter_(std::unique_ptr<spdlog::formatter> formatter) {
  target_->set_formatter(std::move(formatter));
}

}  // namespace tapswitch
