// deny_tcx COMMAND [ARG]...
//
// Runs COMMAND where the kernel makes no links of BPF programs, as before Linux 6.6 for those of
// traffic control: a seccomp filter answers EINVAL. Exit status: COMMAND's; 125 when the filter
// cannot be installed, 126 when COMMAND cannot be run.

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "tests/support/run_denied.h"

int main(int argc, char** argv) {
  std::array<sock_filter, 6> program{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_bpf},
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, BPF_LINK_CREATE},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EINVAL},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  return tapswitch::RunDenied("deny_tcx", program, argc, argv);
}
