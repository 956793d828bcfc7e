#include "switch/process/detachment.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/status/status.h"

namespace tapswitch {
namespace {

// The exit status of the parent, which has the reading end of the pipe.
int AwaitChild(pid_t child, int pipe) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = read(pipe, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) return 0;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  // A child that has ended before it was ready has failed, whatever it says: it was told to stop.
  return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1;
}

}  // namespace

absl::StatusOr<Detachment> Detachment::Fork() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "--detach: pipe");
  FileDescriptor reading(ends[0]);
  FileDescriptor writing(ends[1]);
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "--detach: fork");
  if (child > 0) {
    writing = {};
    // Whoever interrupts the parent means the switch.
    signal(SIGINT, SIG_IGN);
    _exit(AwaitChild(child, reading.get()));
  }
  reading = {};
  setsid();
  return Detachment(std::move(writing));
}

void Detachment::Ready() {
  const FileDescriptor nowhere(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    dup2(nowhere.get(), fd);
  }
  constexpr char kByte = 1;
  // A parent that was killed needs no answer.
  static_cast<void>(write(parent_.get(), &kByte, 1) == 1);
  parent_ = {};
}

}  // namespace tapswitch
