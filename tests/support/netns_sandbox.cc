#include "tests/support/netns_sandbox.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace tapswitch {
namespace {

// Where `ip netns` has its names, and a switch its control socket.
constexpr std::array kPrivateFolders{"/run/netns", "/run/tapswitch"};
constexpr const char* kIpv6Off = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";

void Check(bool success, const char* what) {
  if (!success) throw std::system_error(errno, std::generic_category(), what);
}

void MakePrivateFolders() {
  Check(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "mount --make-rprivate /");
  for (const char* folder : kPrivateFolders) {
    Check(mkdir(folder, 0755) == 0 || errno == EEXIST, folder);
    Check(mount("tapswitch-test", folder, "tmpfs", 0, "mode=0755") == 0, folder);
  }
}

}  // namespace

std::string NetnsSandbox::WhyUnavailable() {
  if (geteuid() != 0) return "needs root, for network namespaces";
  if (access("/dev/net/tun", R_OK | W_OK) != 0) {
    return std::string("needs /dev/net/tun: ") + strerror(errno);
  }
  return "";
}

NetnsSandbox::NetnsSandbox(Ipv6 ipv6) : ipv6_(ipv6) {
  Check(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "unshare");
  MakePrivateFolders();
  Run("ip link set lo up");
  if (ipv6_ == Ipv6::kOffOnNewInterfaces) Run(kIpv6Off);
}

NetnsSandbox::~NetnsSandbox() {
  for (const char* folder : kPrivateFolders) umount2(folder, MNT_DETACH);
}

NetnsSandbox::Result NetnsSandbox::TryRun(const std::string& command) const {
  Result result;
  const std::string line = "exec 2>&1\n" + command;
  FILE* const pipe = popen(line.c_str(), "re");
  if (pipe == nullptr) return {.status = -1, .output = strerror(errno)};
  std::array<char, 4096> part{};
  while (const size_t size = fread(part.data(), 1, part.size(), pipe)) {
    result.output.append(part.data(), size);
  }
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

std::string NetnsSandbox::Run(const std::string& command) const {
  const Result result = TryRun(command);
  EXPECT_EQ(result.status, 0) << command << ": " << result.output;
  return result.output;
}

void NetnsSandbox::AddNetns(const std::string& name) const {
  Run("ip netns add " + name + " && ip -n " + name + " link set lo up");
  if (ipv6_ == Ipv6::kOffOnNewInterfaces) {
    Run("ip netns exec " + name + " sh -c '" + kIpv6Off + "'");
  }
}

}  // namespace tapswitch
