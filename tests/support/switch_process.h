// tapswitchd as a child process of the test.

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
  // killed when the calling thread ends, however that comes. A `launcher`, with its arguments, is a
  // program in PATH that becomes the switch in the end (setpriv, `ip netns exec NAME`).
  // $TAPSWITCH_TEST_FLAGS, such as "--workers=2", goes before the arguments, so that all tests of the
  // switch can be run in another of its ways.
  explicit SwitchProcess(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& launcher = {});
  // Stops it, as Stop does, unless it has ended already.
  ~SwitchProcess();
  SwitchProcess(const SwitchProcess&) = delete;
  SwitchProcess& operator=(const SwitchProcess&) = delete;

  // Waits for its sd_notify message. False when it ends before.
  [[nodiscard]] bool WaitUntilReady() const;

  // Asks it to end. A failure of the test unless it does so with status 0, within the 10 seconds
  // that it promises.
  void Stop(int signal = SIGTERM);

  // Ends it with no chance to clean up.
  void Kill();

  // Waits for it to end by itself and returns the exit status; nothing when it does not, or when a
  // signal ended it.
  [[nodiscard]] std::optional<int> WaitForExit(
      std::chrono::seconds limit = std::chrono::seconds(30));

  [[nodiscard]] bool running() const;
  [[nodiscard]] pid_t pid() const { return pid_; }

  // What it has written so far.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string log() const;  // standard error

  // How many lines of the log contain `text`, once what was said so far is written.
  [[nodiscard]] size_t CountInLog(std::string_view text) const;
  // Waits until that many do.
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
