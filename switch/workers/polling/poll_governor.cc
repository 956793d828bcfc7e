#include "switch/workers/polling/poll_governor.h"

#include <algorithm>

namespace tapswitch {
namespace {

constexpr int kMemory = 8;  // entries that an account remembers

// The smallest window is taken whose account is at most this part below the best: where all serve,
// their accounts are equal but for what was long ago.
constexpr int kTolerance = 8;

}  // namespace

PollGovernor::Pace PollGovernor::PaceOf(Span gap) {
  if (gap <= kWindows.back()) return Pace::kShort;
  return gap <= kIdle ? Pace::kLong : Pace::kIdle;
}

PollGovernor::Span PollGovernor::window() const {
  if (pace_ == Pace::kIdle || rest_left_ > Span(0)) return Span(0);
  const auto pace = static_cast<size_t>(pace_);
  if (slept_[pace] == kSleptBeforeTrial) return kWindows.back();
  const Accounts& accounts = accounts_[pace];
  const Span best = *std::max_element(accounts.begin(), accounts.end());
  if (best <= Span(0)) return Span(0);
  const Span nearly = best - best / kTolerance;
  const auto* const chosen = std::find_if(accounts.begin(), accounts.end(),
                                          [nearly](Span account) { return account >= nearly; });
  return kWindows[static_cast<size_t>(chosen - accounts.begin())];
}

void PollGovernor::OnArrival(Span gap) {
  if (pace_ != Pace::kIdle) Learn(static_cast<size_t>(pace_), gap);
  pace_ = PaceOf(gap);
  if (rest_left_ > Span(0)) {
    rest_left_ -= std::min(rest_left_, gap);
    calm_ = Span(0);
  } else if ((calm_ += gap) >= kCalm) {
    next_rest_ = kFirstRest;
  }
}

void PollGovernor::Learn(size_t pace, Span gap) {
  const bool is_trial = slept_[pace] == kSleptBeforeTrial && rest_left_ == Span(0);
  if (is_trial && gap <= kWindows.back()) accounts_[pace] = {};
  if (window() > Span(0) || gap > kIdle) {
    slept_[pace] = 0;
  } else if (slept_[pace] < kSleptBeforeTrial) {
    ++slept_[pace];
  }
  Enter(accounts_[pace], gap);
}

void PollGovernor::Enter(Accounts& accounts, Span gap) {
  for (size_t i = 0; i < accounts.size(); ++i) {
    const Span result = gap <= kWindows[i] ? kWorthOfHit - gap : -kWindows[i];
    accounts[i] += result - accounts[i] / kMemory;
  }
}

void PollGovernor::OnContention(Span away) {
  if (away >= kTimeSlice) {
    rest_left_ = next_rest_;
    next_rest_ = std::min(2 * next_rest_, kLongestRest);
  }
  slept_ = {};
  for (Accounts& accounts : accounts_) {
    for (Span& account : accounts) account -= kPriceOfContention;
  }
}

}  // namespace tapswitch
