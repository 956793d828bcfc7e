// Decides how long a worker polls for frames before it sleeps. It learns from the gaps between
// arrivals: a trace of gaps goes in, spans of polls come out. It reads no clock and no file.
//
// It was derived from
//   * the halt polling of KVM (virt/kvm/kvm_main.c, halt_poll_ns): the length of each wait is noted
//     whether it was polled or slept, and makes the next poll grow or shrink;
//   * adaptive interrupt coalescing (lib/dim): a setting is kept while the last few samples say
//     that it is the best of a small table;
//   * competitive spinning (Karlin, Li, Manasse, Owicki, SOSP 1991): a poll may cost as much as the
//     wake-up that it can save, so it never costs more than twice what the best choice would.
//
// Theory of operation. There is a small table of windows, the spans that a poll may have. Each
// window has an account of what it would have brought lately: an arrival within it saves a wake-up,
// less the time until then; a later one costs the whole window. Each arrival is entered in all
// accounts, also if the worker slept or polled for another span, so nothing has to be tried out.
// The smallest window whose account is nearly the best is used, or none if no account is positive.
// Therefore polls grow while a longer one would have paid, and shrink while they fail. An account
// forgets an eighth with each entry: eight arrivals outweigh the past.
//
// KVM's rule, to double and to reset one span, fails for a request and its response: the gaps are
// short and long in turn, and each long one would reset what the short one needs. So there are two
// sets of accounts, for what follows a short gap and for what follows a long one, as branch
// predictors have them for each history (Yeh, Patt 1991). A switch that forwards 2,000 round trips
// a second polls for the response, and sleeps until the next request.
//
// A gap that was slept includes the wake-ups of the worker and of the host that answers it, which
// had time to fall asleep as well. Where wake-ups are slow (a virtual machine), no gap that is
// slept is ever within a window, though each would be if it were polled: accounts that were spoiled
// once would stay so. So at each pace, after 32 waits in a row that were slept, and none of them
// idle, one is polled all the same, as a trial. If it hits, the accounts of that pace begin anew.
//
// After a gap that is longer than kIdle, it does not poll: the switch was idle, and the price of a
// poll for each of a few frames would be noticed, but not what it saves.
//
// When a poll gave way to another thread, polling has a price that the accounts do not know, as the
// processor was not idle. Then all accounts are debited. A thread that kept the processor for a
// time slice had no frames to send: the scheduler lets a thread that slept have the processor at
// once when it is woken, but not one that gave way. So no poll follows for a rest, which doubles
// each time this happens again soon.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tapswitch {

// Whether a worker polls before it sleeps (--busy_poll).
struct BusyPoll {
  enum class Mode : uint8_t { kOff, kAuto, kFixed };

  Mode mode = Mode::kAuto;
  std::chrono::nanoseconds span{0};  // of each poll, if it is fixed

  bool operator==(const BusyPoll&) const = default;
};

class PollGovernor {
 public:
  using Span = std::chrono::nanoseconds;

  // The spans that a poll may have.
  static constexpr std::array<Span, 4> kWindows{Span(8'000), Span(16'000), Span(32'000),
                                                Span(64'000)};
  // The value of an arrival that is polled and need not wake the worker. A wake-up takes 10 to 20
  // us on an idle processor; latency is given three times the weight of processor time that nobody
  // else wanted.
  static constexpr Span kWorthOfHit{60'000};
  // The price of a poll that gave way to another thread.
  static constexpr Span kPriceOfContention{kWorthOfHit};
  // The switch was idle if no frame came for so long.
  static constexpr Span kIdle{2'000'000};

  // So many waits in a row are slept at one pace before a trial.
  static constexpr uint8_t kSleptBeforeTrial = 32;

  // The time for which a thread that computes keeps the processor at least (sched(7); 0.7 to 3 ms
  // by the size of the machine), and one that sends or receives does not.
  static constexpr Span kTimeSlice{300'000};
  // The rest after such a thread, in time spent waiting, and the time without one after which the
  // rest is short again.
  static constexpr Span kFirstRest{20'000'000};
  static constexpr Span kLongestRest{2'000'000'000};
  static constexpr Span kCalm{1'000'000'000};

  // Returns how long the wait that begins now may poll; zero if it is to sleep at once.
  [[nodiscard]] Span window() const;

  // Notes that frames came `gap` after the wait for them began.
  void OnArrival(Span gap);

  // Notes that a poll gave way to another thread, which had the processor for so long.
  void OnContention(Span away);

 private:
  enum class Pace : uint8_t { kShort, kLong, kIdle };
  using Accounts = std::array<Span, kWindows.size()>;  // by window

  [[nodiscard]] static Pace PaceOf(Span gap);
  static void Enter(Accounts& accounts, Span gap);
  void Learn(size_t pace, Span gap);

  std::array<Accounts, 2> accounts_{};  // by the pace before: short, long
  std::array<uint8_t, 2> slept_{};      // waits in a row, by the pace before
  Pace pace_ = Pace::kIdle;             // of the last gap
  Span rest_left_{0};
  Span next_rest_ = kFirstRest;
  Span calm_{0};  // waited since the last rest
};

}  // namespace tapswitch
