// deny_io_uring COMMAND [ARG]...
//
// Runs COMMAND where io_uring is forbidden the way container runtimes forbid it: a seccomp filter
// that answers EPERM. It needs no privileges and works on kernels without the sysctl
// kernel.io_uring_disabled (before 6.6). Exit status: COMMAND's; 125 when the filter cannot be
// installed, 126 when COMMAND cannot be run.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "tests/support/run_denied.h"

// io_uring_setup, _enter and _register have consecutive numbers, the same on all architectures
// (include/uapi/asm-generic/unistd.h), so the filter need not look at the architecture.
static_assert(SYS_io_uring_enter == SYS_io_uring_setup + 1);
static_assert(SYS_io_uring_register == SYS_io_uring_setup + 2);

int main(int argc, char** argv) {
  std::array<sock_filter, 5> program{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JGE | BPF_K, 0, 2, SYS_io_uring_setup},
      {BPF_JMP | BPF_JGT | BPF_K, 1, 0, SYS_io_uring_register},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  return tapswitch::RunDenied("deny_io_uring", program, argc, argv);
}
