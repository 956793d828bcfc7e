// Makes system calls of a forwarding thread fail on demand. In a program that is linked with it,
// calls of io_uring_enter, epoll_pwait2, read, recvmsg, write and writev go through it.
//
// A seed determines which calls fail, and how. Calls on files that the test has not named never
// fail.

#pragma once

#include <cstdint>
#include <span>

namespace tapswitch {

struct Faults {
  // The number of calls in 1000, of those that wait or submit, that are refused without effect,
  // with an error that the kernel may return.
  unsigned refused_calls = 0;
  // The number of io_uring completions in 1000 that are lost, as if the kernel had no memory for
  // them.
  unsigned lost_completions = 0;
  // The number of reads and writes in 1000, on the named files, that fail.
  unsigned failed_transfers = 0;
};

// Starts to inject faults, with a new sequence. No faults are injected before.
void SetFaults(const Faults& faults, uint32_t seed);

// Names the descriptors whose reads and writes may fail. For io_uring, names the ports whose failed
// writes get another error.
void NameFaultyFiles(std::span<const int> descriptors);

// The number of injected faults.
[[nodiscard]] uint64_t InjectedFaults();

}  // namespace tapswitch
