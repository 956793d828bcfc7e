// Decides whether one worker reads all ports, or several share them.
//
// A second worker gains where the first is busy and several ports bring frames, and costs a wake-up
// or a processor that a guest could have had. Whether it pays on this machine, with this traffic,
// is not to be known beforehand: so the ports are shared for a while, and the work that is done
// then is compared with what one worker did. A trial that did not pay is not repeated soon: the
// pause between trials doubles each time, as back-offs do.
//
// It is pure: it is told of periods of some milliseconds, and answers what to do.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tapswitch {

// The load of a period. A worker is idle while it sleeps or polls in vain.
struct LoadPeriod {
  using Span = std::chrono::nanoseconds;

  Span length{0};
  Span busy{0};             // of the busiest worker
  Span busy_of_all{0};      // the sum over all workers
  uint64_t work = 0;        // done by all, in units that are the same in all periods
  size_t loaded_ports = 0;  // ports that bring a good part of the work
};

class WorkerGovernor {
 public:
  using Span = LoadPeriod::Span;

  enum class Advice : uint8_t {
    kStay,
    kShare,   // again in each period, until OnShared tells that it was done
    kGather,  // one worker is to read all ports
  };

  // Busy for so many periods on end, and in so much of each, a worker is to be helped.
  static constexpr int kHotPeriods = 3;
  static constexpr double kHot = 0.85;
  // A trial lasts for so many periods, of which the first do not count, as flows get under way.
  static constexpr int kTrialPeriods = 20;
  static constexpr int kSettlingPeriods = 4;
  static constexpr double kGain = 1.05;
  // One worker does it where so little is to be done in so many periods.
  static constexpr double kCool = 0.6;
  static constexpr int kCoolPeriods = 10;
  // The pause after a trial that did not pay.
  static constexpr Span kFirstPause = std::chrono::seconds(2);
  static constexpr Span kLongestPause = std::chrono::seconds(64);

  [[nodiscard]] Advice OnPeriod(const LoadPeriod& period);
  // The ports are shared from now on.
  void OnShared();

  [[nodiscard]] bool shared() const { return shared_; }

 private:
  [[nodiscard]] Advice WhileAlone(const LoadPeriod& period);
  [[nodiscard]] Advice WhileShared(const LoadPeriod& period);
  [[nodiscard]] Advice EndTrial();
  [[nodiscard]] Advice Gather();

  struct Rate {
    uint64_t work = 0;
    Span length{0};
    void Add(const LoadPeriod& period) {
      work += period.work;
      length += period.length;
    }
    [[nodiscard]] double per_second() const {
      return length == Span(0)
                 ? 0
                 : static_cast<double>(work) * 1e9 / static_cast<double>(length.count());
    }
  };

  bool shared_ = false;
  bool on_trial_ = false;
  int hot_periods_ = 0;
  int cool_periods_ = 0;
  int trial_periods_ = 0;
  Rate alone_;  // of the hot periods before a trial
  Rate trial_;  // of those of the trial that count
  Span pause_left_{0};
  Span next_pause_ = kFirstPause;
};

}  // namespace tapswitch
