#include "tests/support/netns_sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <future>
#include <system_error>

#include "ports/os/file_descriptor.h"

namespace tapswitch {
namespace {

// Where `ip netns` has its names, and a switch its control socket.
constexpr std::array kPrivateFolders{"/run/netns", "/run/tapswitch"};
constexpr const char* kIpv6Off = "/proc/sys/net/ipv6/conf/default/disable_ipv6";

void Check(bool success, const char* what) {
  if (!success) throw std::system_error(errno, std::generic_category(), what);
}

void MakePrivateFolders() {
  Check(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "mount --make-rprivate /");
  for (const char* folder : kPrivateFolders) {
    Check(mkdir(folder, 0755) == 0 || errno == EEXIST, folder);
    Check(mount("tapswitch-test", folder, "tmpfs", 0, "mode=0755") == 0, folder);
  }
  // As `ip netns add` has it: a name that is deleted goes from the mounts of all that were started
  // in a namespace by `ip netns exec`, too.
  Check(mount("", "/run/netns", "none", MS_SHARED, nullptr) == 0, "mount --make-shared /run/netns");
}

// Of the calling thread's network namespace, which is new. System calls do what commands would do
// in a hundred times as long, and each test makes several namespaces.
void SetUpInterfaces(NetnsSandbox::Ipv6 ipv6) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  Check(ioctl(socket.get(), SIOCSIFFLAGS, &loopback) == 0, "ip link set lo up");
  if (ipv6 == NetnsSandbox::Ipv6::kOn) return;
  const FileDescriptor setting(open(kIpv6Off, O_WRONLY | O_CLOEXEC));
  Check(write(setting.get(), "1", 1) == 1, kIpv6Off);
}

// What `ip netns add` does; the calling thread stays in the namespace.
void EnterNewNetns(const std::string& name) {
  const std::string path = "/run/netns/" + name;
  Check(unshare(CLONE_NEWNET) == 0, "unshare");
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
  Check(file.valid(), path.c_str());
  Check(mount("/proc/thread-self/ns/net", path.c_str(), "none", MS_BIND, nullptr) == 0,
        path.c_str());
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
  SetUpInterfaces(ipv6_);
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
  // On a thread of its own, whose namespace it is.
  std::async(std::launch::async, [&] {
    EnterNewNetns(name);
    SetUpInterfaces(ipv6_);
  }).get();
}

}  // namespace tapswitch
