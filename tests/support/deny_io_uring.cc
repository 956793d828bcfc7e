// deny_io_uring COMMAND [ARG]...
//
// Runs COMMAND where io_uring is forbidden the way container runtimes forbid it: a seccomp filter
// that answers EPERM. It needs no privileges and works on kernels without the sysctl
// kernel.io_uring_disabled (before 6.6). Exit status: COMMAND's; 125 when the filter cannot be
// installed, 126 when COMMAND cannot be run.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>

namespace {

// io_uring_setup, _enter and _register have consecutive numbers, the same on all architectures
// (include/uapi/asm-generic/unistd.h), so the filter need not look at the architecture.
static_assert(SYS_io_uring_enter == SYS_io_uring_setup + 1);
static_assert(SYS_io_uring_register == SYS_io_uring_setup + 2);

bool DenyIoUring() {
  std::array<sock_filter, 5> program{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JGE | BPF_K, 0, 2, SYS_io_uring_setup},
      {BPF_JMP | BPF_JGT | BPF_K, 1, 0, SYS_io_uring_register},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: deny_io_uring COMMAND [ARG]...\n", stderr);
    return 125;
  }
  if (!DenyIoUring()) {
    std::perror("deny_io_uring: seccomp");
    return 125;
  }
  execvp(argv[1], argv + 1);
  std::perror(argv[1]);
  return 126;
}
