// A network and mount namespace of its own for a test program, so that whatever the test makes can
// neither collide with anything on the machine nor outlive the program.

#pragma once

#include <string>

namespace tapswitch {

class NetnsSandbox {
 public:
  enum class Ipv6 { kOn, kOffOnNewInterfaces };

  // Why sandboxes cannot be had here (not root, no /dev/net/tun), for GTEST_SKIP; empty when they
  // can.
  [[nodiscard]] static std::string WhyUnavailable();

  // Puts the calling thread, which must be the only one, into new namespaces: `lo` is up, nothing
  // else is there, and /run/netns and /run/tapswitch are empty and private. There is no way back: one
  // after the other each starts afresh, and the kernel removes what is in them when the last
  // process in them ends. Throws when they cannot be had, as a test must not go on outside.
  explicit NetnsSandbox(Ipv6 ipv6 = Ipv6::kOffOnNewInterfaces);
  // Gives up the namespaces of AddNetns; the next sandbox would inherit, and keep, them otherwise.
  ~NetnsSandbox();
  NetnsSandbox(const NetnsSandbox&) = delete;
  NetnsSandbox& operator=(const NetnsSandbox&) = delete;

  [[nodiscard]] Ipv6 ipv6() const { return ipv6_; }

  struct Result {
    int status = 0;      // of exit; -1 when a signal ended it
    std::string output;  // standard output and error
  };

  // Runs a command by the shell, in the namespaces.
  [[nodiscard]] Result TryRun(const std::string& command) const;

  // The same, and a failure of the test when the status is not 0. Returns the output.
  std::string Run(const std::string& command) const;

  // Makes a namespace that `ip netns` knows, set up as the sandbox itself. Throws when it cannot be
  // had.
  void AddNetns(const std::string& name) const;

 private:
  Ipv6 ipv6_;
};

}  // namespace tapswitch
