// Runs tapswitchd as a child process of the test.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

class SwitchProcess {
 public:
  // Starts the switch of this build; the arguments are those behind the program's name. It is
  // killed when the calling thread ends, for whatever reason. A `launcher`, with its arguments, is
  // a program in PATH that finally executes the switch (setpriv, `ip netns exec NAME`).
  // $TAPSWITCH_TEST_FLAGS, such as "--workers=2", is put before the arguments, so that all tests of
  // the switch can be run in another mode.
  explicit SwitchProcess(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& launcher = {});
  // Stops the switch, as Stop does, unless it has ended already.
  ~SwitchProcess();
  SwitchProcess(const SwitchProcess&) = delete;
  SwitchProcess& operator=(const SwitchProcess&) = delete;

  // Waits for its sd_notify message. Returns false if it ends before.
  [[nodiscard]] bool WaitUntilReady() const;

  // Asks the switch to end. The test fails unless it does so with status 0, within the 10 seconds
  // that it promises.
  void Stop(int signal = SIGTERM);

  // Waits for the switch to end with status 0, as it has handed over to another process, which
  // takes its place here. Returns false if it does not.
  [[nodiscard]] bool FollowSuccessor(pid_t successor);

  // Kills the switch, so that it cannot clean up.
  void Kill();

  // Waits for the switch to end by itself and returns the exit status; nothing if it does not end,
  // or if a signal ended it.
  [[nodiscard]] std::optional<int> WaitForExit(
      std::chrono::seconds limit = std::chrono::seconds(30));

  [[nodiscard]] bool running() const;
  [[nodiscard]] pid_t pid() const { return pid_; }

  // The output of the switch so far.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string log() const;  // standard error

  // The number of lines of the log that contain `text`, once earlier messages are written.
  [[nodiscard]] size_t CountInLog(std::string_view text) const;
  // Waits until that many lines do.
  [[nodiscard]] bool WaitForLog(std::string_view text, size_t lines = 1) const;

 private:
  [[nodiscard]] size_t CountNow(std::string_view text) const;
  [[noreturn]] void Exec(std::vector<char*> arguments) const;

  FileDescriptor output_;
  FileDescriptor log_;
  FileDescriptor notify_;  // a datagram socket; its abstract name is $NOTIFY_SOCKET
  pid_t pid_ = -1;
  FileDescriptor process_;  // a pidfd; invalid once the process has been waited for
};

}  // namespace tapswitch
