// The priority of threads where others want the same processor.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace tapswitch {

// Gives the calling thread, and those that it starts from now on, a tenth of the share of a
// processor that a worker has where both want it: where the processors are busy with frames, a
// listing of megabytes waits rather than they. A program that such a thread starts has that share,
// too, and cannot raise it.
void YieldToFrames();

// While one lives, the calling thread, or all threads that this process had when it was made, run
// before all that are no real-time threads (SCHED_RR, priority 1; those of one priority take
// turns): for the milliseconds in which nobody forwards. Linux takes 5 % of the time for the others
// (sched(7), "Limiting the CPU usage of real-time and deadline processes"). Without effect where
// the process may not do that, which takes CAP_SYS_NICE or RLIMIT_RTPRIO, and for threads that are
// real-time threads already.
class Haste {
 public:
  enum class Of : uint8_t { kThread, kProcess };

  explicit Haste(Of whom);
  ~Haste();
  Haste(const Haste&) = delete;
  Haste& operator=(const Haste&) = delete;

 private:
  std::vector<pid_t> threads_;
};

}  // namespace tapswitch
