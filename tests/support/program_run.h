// Runs a BPF program on a frame that a test makes (BPF_PROG_TEST_RUN).

#pragma once

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

namespace tapswitch {

// The kernel wants all of it to be zero, and {} does not see to what lies between members.
inline __sk_buff EmptySkb() {
  __sk_buff skb{};
  std::memset(&skb, 0, sizeof(skb));
  return skb;
}

struct ProgramRun {
  uint32_t result = 0;
  __sk_buff skb = EmptySkb();
  std::vector<uint8_t> frame;
};

// Errors fail the test.
inline ProgramRun RunProgram(int program, const std::vector<uint8_t>& frame, __sk_buff skb) {
  ProgramRun run;
  run.frame.resize(frame.size() + 64);
  bpf_attr attributes{};
  std::memset(&attributes, 0, sizeof(attributes));  // {} is for the first member of a union alone
  attributes.test.prog_fd = static_cast<uint32_t>(program);
  attributes.test.data_in = reinterpret_cast<uintptr_t>(frame.data());
  attributes.test.data_size_in = static_cast<uint32_t>(frame.size());
  attributes.test.data_out = reinterpret_cast<uintptr_t>(run.frame.data());
  attributes.test.data_size_out = static_cast<uint32_t>(run.frame.size());
  attributes.test.ctx_in = reinterpret_cast<uintptr_t>(&skb);
  attributes.test.ctx_size_in = sizeof(skb);
  attributes.test.ctx_out = reinterpret_cast<uintptr_t>(&run.skb);
  attributes.test.ctx_size_out = sizeof(run.skb);
  EXPECT_EQ(syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof(attributes)), 0)
      << std::strerror(errno);
  run.result = attributes.test.retval;
  run.frame.resize(attributes.test.data_size_out);
  return run;
}

}  // namespace tapswitch
