#include "ports/os/yield_to_frames.h"

#include <sys/resource.h>

namespace tapswitch {

void YieldToFrames() {
  constexpr int kNiceness = 10;
  // Linux takes 0 for the calling thread (setpriority(2), "C library/kernel differences").
  static_cast<void>(setpriority(PRIO_PROCESS, 0, kNiceness));
}

}  // namespace tapswitch
