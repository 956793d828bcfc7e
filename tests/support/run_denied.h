// Runs a command under a seccomp filter, which denies it some system calls.

#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <span>

namespace tapswitch {

// Runs the command in argv[1] and on in place of this program, argv[0] of which is `name`. Returns
// 125 when the filter cannot be installed, 126 when the command cannot be run.
inline int RunDenied(const char* name, std::span<sock_filter> denial, int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s COMMAND [ARG]...\n", name);
    return 125;
  }
  const sock_fprog filter{.len = static_cast<unsigned short>(denial.size()),
                          .filter = denial.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    std::fprintf(stderr, "%s: ", name);
    std::perror("seccomp");
    return 125;
  }
  execvp(argv[1], argv + 1);
  std::perror(argv[1]);
  return 126;
}

}  // namespace tapswitch
