// tapswitch-qemu-helper: gives QEMU a TAP that is a port of a running switch, if the access list
// allows it to the user who runs QEMU.
//
// Any user may start it, with any arguments, environment, open files and limits, and it has more
// rights than its caller. So it takes nothing from the caller but three arguments, decides by
// itself everything that concerns a guest, and acts with the caller's rights where possible
// (caller_rights.h). A TAP that does not reach QEMU, for whatever reason, is removed with this
// process, and its port with the TAP. Otherwise it is removed with QEMU. If its holder made it
// persistent, the switch deletes it.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ports/os/process_start.h"
#include "ports/os/text.h"
#include "switch/control/client/control_connection.h"
#include "tools/qemu-helper/acl_file.h"
#include "tools/qemu-helper/arguments.h"
#include "tools/qemu-helper/caller_rights.h"
#include "tools/qemu-helper/guest_tap.h"

namespace tapswitch {
namespace {

constexpr const char* kAclPath = TAPSWITCH_BRIDGE_CONF;
constexpr const char* kUsage =
    "Usage: tapswitch-qemu-helper [--use-vnet] --br=NAME --fd=N\n"
    "\n"
    "Makes a TAP, a port of the switch NAME of it, and sends it through the Unix socket N.\n"
    "QEMU calls it so:\n"
    "  -netdev tap,id=n0,br=br0,helper=/usr/libexec/tapswitch-qemu-helper\n"
    "  -netdev bridge,id=n0,br=br0,helper=/usr/libexec/tapswitch-qemu-helper\n"
    "\n"
    "  --use-vnet  frames have virtio-net headers\n"
    "  --br=NAME   the switch, as tapswitchd --name has it\n"
    "  --fd=N      an open Unix socket\n"
    "  --help      print this\n"
    "  --version   print the version\n";

absl::Status CheckAcl(const std::string& bridge) {
  const auto statements = ReadAclFile(kAclPath);
  if (!statements.ok()) return statements.status();
  if (Permits(*statements, bridge)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("bridge ", bridge, ": ", kAclPath, " does not allow it"));
}

absl::StatusOr<FileDescriptor> OpenTun() {
  constexpr const char* kPath = "/dev/net/tun";
  FileDescriptor tun(open(kPath, O_RDWR | O_CLOEXEC));
  if (tun.valid()) return tun;
  return absl::ErrnoToStatus(errno, kPath);
}

// Names are the same in each network namespace: the number tells this one from that of the switch.
absl::StatusOr<uint64_t> OwnNetns() {
  struct stat found {};
  if (stat("/proc/self/ns/net", &found) == 0) return found.st_ino;
  return absl::ErrnoToStatus(errno, "/proc/self/ns/net");
}

absl::Status Serve(const HelperArguments& arguments) {
  if (absl::Status good = CheckUnixSocket(arguments.fd); !good.ok()) return good;
  if (absl::Status done = BecomeCaller(); !done.ok()) return done;
  if (absl::Status allowed = CheckAcl(arguments.bridge); !allowed.ok()) return allowed;

  if (absl::Status done = Raise(); !done.ok()) return done;
  auto control =
      ControlConnection::Open(absl::StrCat("/run/tapswitch/", arguments.bridge, ".sock"));
  if (!control.ok()) return control.status();
  auto tun = OpenTun();
  if (!tun.ok()) return tun.status();
  if (absl::Status done = KeepNetAdmin(); !done.ok()) return done;

  const auto netns = OwnNetns();
  if (!netns.ok()) return netns.status();
  const auto tap = MakeGuestTap(*std::move(tun), arguments.use_vnet);
  if (!tap.ok()) return tap.status();
  if (absl::Status marked = Mark(*tap); !marked.ok()) return marked;
  const auto added = control->Call("port.add", {{"port", "netdev:" + tap->name},
                                                {"ephemeral", true},
                                                {"ifindex", tap->ifindex},
                                                {"netns", *netns}});
  if (!added.ok()) return added.status();
  KeepHostQuiet(*tap);
  // Last, so that the host's own stack has no moment in which to speak or listen.
  if (absl::Status up = BringUp(*tap); !up.ok()) return up;
  return SendFile(arguments.fd, tap->file.get());
}

int Fail(const absl::Status& status) {
  std::cerr << "tapswitch-qemu-helper: " << WithCure(Escaped(std::string(status.message())))
            << '\n';
  return 1;
}

int Main(const std::vector<std::string_view>& words) {
  const auto arguments = ParseHelperArguments(words);
  if (!arguments.ok()) return Fail(arguments.status());
  if (arguments->help) {
    std::cout << kUsage;
    return 0;
  }
  if (arguments->version) {
    std::cout << "tapswitch-qemu-helper " << TAPSWITCH_VERSION << '\n';
    return 0;
  }
  const absl::Status served = Serve(*arguments);
  return served.ok() ? 0 : Fail(served);
}

}  // namespace
}  // namespace tapswitch

int main(int argc, char** argv) {
  tapswitch::OpenStandardDescriptors();
  std::signal(SIGPIPE, SIG_IGN);  // what it has made goes in order, though nobody reads why
  clearenv();
  if (argc < 1) return 1;
  return tapswitch::Main({argv + 1, argv + argc});
}
