// System calls of a forwarding thread that fail when a test wants it: a program that is linked with this
// has its calls of io_uring_enter, epoll_pwait2, read, recvmsg, write and writev go through it.
//
// Which of them fail, and how, follows from a seed. Files that a test has not named are spared.

#pragma once

#include <cstdint>
#include <span>

namespace tapswitch {

struct Faults {
  // Of 1000 calls that wait or submit: so many are refused with an error that the kernel may have, and
  // have done nothing.
  unsigned refused_calls = 0;
  // Of 1000 completions of io_uring: so many are lost, as where the kernel has no memory for them.
  unsigned lost_completions = 0;
  // Of 1000 reads or writes of the files that were named: so many fail.
  unsigned failed_transfers = 0;
};

// From here on, with a new sequence. Nothing is injected before.
void SetFaults(const Faults& faults, uint32_t seed);

// Descriptors whose reads and writes may fail; of io_uring, ports whose failed writes get another error.
void NameFaultyFiles(std::span<const int> descriptors);

// How many faults have been injected.
[[nodiscard]] uint64_t InjectedFaults();

}  // namespace tapswitch
