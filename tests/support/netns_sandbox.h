// Network and mount namespaces for one test program. So what the test makes can neither collide
// with anything on the machine nor outlive the program.

#pragma once

#include <string>

namespace tapswitch {

class NetnsSandbox {
 public:
  enum class Ipv6 { kOn, kOffOnNewInterfaces };

  // Returns why sandboxes are impossible here (not root, no /dev/net/tun), for GTEST_SKIP;
  // otherwise empty.
  [[nodiscard]] static std::string WhyUnavailable();

  // Moves the calling thread, which must be the only one, into new namespaces. There `lo` is up,
  // nothing else exists, and /run/netns and /run/tapswitch are empty and private. There is no way
  // back. Successive sandboxes start afresh, and the kernel removes the contents of one when its
  // last process ends. Throws on failure, as a test must not continue outside.
  explicit NetnsSandbox(Ipv6 ipv6 = Ipv6::kOffOnNewInterfaces);
  // Releases the namespaces of AddNetns. Otherwise the next sandbox would inherit and keep them.
  ~NetnsSandbox();
  NetnsSandbox(const NetnsSandbox&) = delete;
  NetnsSandbox& operator=(const NetnsSandbox&) = delete;

  [[nodiscard]] Ipv6 ipv6() const { return ipv6_; }

  struct Result {
    int status = 0;      // of exit; -1 when a signal ended it
    std::string output;  // standard output and error
  };

  // Runs a shell command in the namespaces.
  [[nodiscard]] Result TryRun(const std::string& command) const;

  // Runs a shell command and returns its output. The test fails if the status is not 0.
  std::string Run(const std::string& command) const;

  // Makes a namespace that `ip netns` knows, set up as the sandbox itself. Throws when it cannot be
  // had.
  void AddNetns(const std::string& name) const;

 private:
  Ipv6 ipv6_;
};

}  // namespace tapswitch
