// tapswitchd: the daemon. One process is one bridge.

#include <gflags/gflags.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "ports/os/process_start.h"
#include "ports/os/text.h"
#include "ports/port_types.h"
#include "switch/control/config/config.h"
#include "switch/process/daemon.h"
#include "switch/process/log.h"
#include "switch/process/signals.h"

DEFINE_string(name, "br0", "name of the bridge");
DEFINE_string(ageing_time, "300s",
              "forget an address not seen for this long, e.g. 300s or 1500ms; 0s: never learn");
DEFINE_uint64(fdb_max, 65536, "entries that the address table has room for");
DEFINE_uint64(workers, 1,
              "threads that forward, 1 to 64; each on a processor of its own if there are several");
DEFINE_bool(vlan_filtering, false, "forward frames by their VLANs; new ports are in VLAN 1");
DEFINE_string(
    io, "auto",
    "how frames are read and written: uring, epoll, or auto (the best the kernel allows)");
DEFINE_string(gro, "auto",
              "auto: frames of a flow that arrive together leave as one where a port takes that; "
              "off: each leaves by itself");
DEFINE_string(
    busy_poll, "auto",
    "poll for frames before sleeping: for so long, such as 50us; off; or auto: only while "
    "polling has paid lately, and no other thread wants the processor");
DEFINE_string(log_level, "info", "least severe message to log: debug, info, warn, error or off");
DEFINE_string(control_socket, "",
              "where tapctl connects to; default /run/tapswitch/NAME.sock, or "
              "$XDG_RUNTIME_DIR/tapswitch/NAME.sock of an ordinary user");
DEFINE_string(control_group, "", "group whose members may connect, too");
DEFINE_string(startup, "", "file of tapctl commands, one a line, to carry out at start");
DEFINE_string(
    attach, "",
    "GLOB[,WORD[=VALUE]]...: attach interfaces whose name matches, as they come up; WORDs "
    "are settings of their ports, as isolated or fdb_max_learned=4; ';' parts several");
DEFINE_string(metrics_listen, "", "ADDR:PORT where Prometheus can fetch metrics; default: nowhere");
DEFINE_string(user, "",
              "user to become once everything is open; default: the one it is started by");
DEFINE_bool(check, false, "validate flags and ports, then exit");

// Defined by gflags.
DECLARE_bool(help);
DECLARE_bool(version);

namespace {

// The share of the 10 seconds that ending may take.
constexpr std::chrono::seconds kLogPatience(2);

constexpr std::string_view kUsage = R"(Usage: tapswitchd [FLAG]... [PORT]...

An Ethernet switch in user space. A PORT is )";

// Describes all types of ports, and the flags of this file, not those of gflags itself.
void PrintHelp() {
  std::vector<gflags::CommandLineFlagInfo> flags;
  gflags::GetAllFlags(&flags);
  std::cout << kUsage;
  std::string_view separator;
  for (const tapswitch::PortType& type : tapswitch::PortTypes()) {
    std::cout << separator << type.help;
    separator = "\nor ";
  }
  std::cout << "\nFlags:\n";
  for (const auto& flag : flags) {
    if (!flag.filename.ends_with("tapswitchd.cc")) continue;
    std::cout << "  --" << flag.name << '=' << flag.default_value << "\n      " << flag.description
              << '\n';
  }
  std::cout << "  --flagfile=FILE\n      read flags from a file, one a line\n"
               "\nExample: tapswitchd vnet0 vnet1,netns=h1 vnet2,mtu=9000,offload=off netdev:eth1\n"
               "         tapswitchd unix:vm,path=/tmp/vms.sock,clients=4\n";
}

int Fail(const absl::Status& status) {
  // Writes in one piece, and waits for the reader as long as needed, but ends with SIGTERM.
  tapswitch::UnblockStopSignals();
  std::cerr << "tapswitchd: " +
                   tapswitch::WithCure(tapswitch::Escaped(std::string(status.message()))) + '\n';
  return 1;
}

// Parses the command line as gflags does. gflags itself would name an unknown flag, but no cure.
absl::Status CheckFlags(const std::vector<std::string_view>& arguments) {
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    std::string_view text = arguments[i];
    if (text.size() < 2 || text.front() != '-') continue;
    text.remove_prefix(text.starts_with("--") ? 2 : 1);
    const size_t equals = text.find('=');
    const std::string name(text.substr(0, equals));
    gflags::CommandLineFlagInfo flag;
    const bool known =
        gflags::GetCommandLineFlagInfo(name.c_str(), &flag) ||
        (name.starts_with("no") && gflags::GetCommandLineFlagInfo(name.substr(2).c_str(), &flag));
    if (!known) {
      return absl::InvalidArgumentError("--" + name +
                                        ": there is no such flag: tapswitchd --help lists them");
    }
    const bool value_follows = equals == std::string_view::npos && flag.type != "bool";
    if (value_follows) ++i;
  }
  return absl::OkStatus();
}

absl::StatusOr<tapswitch::Config> ConfigFromFlags(const std::vector<std::string>& ports) {
  return tapswitch::ParseConfig({.name = FLAGS_name,
                                 .ageing_time = FLAGS_ageing_time,
                                 .fdb_max = FLAGS_fdb_max,
                                 .workers = FLAGS_workers,
                                 .vlan_filtering = FLAGS_vlan_filtering,
                                 .io = FLAGS_io,
                                 .gro = FLAGS_gro,
                                 .busy_poll = FLAGS_busy_poll,
                                 .control_socket = FLAGS_control_socket,
                                 .control_group = FLAGS_control_group,
                                 .startup_file = FLAGS_startup,
                                 .metrics_address = FLAGS_metrics_listen,
                                 .user = FLAGS_user,
                                 .ports = ports,
                                 .attach = FLAGS_attach});
}

int Main(const std::vector<std::string>& ports) {
  const auto config = ConfigFromFlags(ports);
  if (!config.ok()) return Fail(config.status());
  if (const absl::Status log = tapswitch::SetUpLog(FLAGS_name, FLAGS_log_level); !log.ok()) {
    return Fail(log);
  }
  if (FLAGS_check) {
    const absl::Status checked = tapswitch::CheckConfig(*config);
    return checked.ok() ? 0 : Fail(checked);
  }
  const absl::Status ran = tapswitch::RunSwitch(*config);
  const bool is_logged = tapswitch::CloseLog(kLogPatience);
  const int exit_status = ran.ok() ? 0 : Fail(ran);
  // The thread that writes the log is still writing, so the objects that it uses must stay until it
  // ends.
  if (!is_logged) _exit(exit_status);
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  tapswitch::OpenStandardDescriptors();
  tapswitch::ForgetInherited();
  gflags::SetVersionString(TAPSWITCH_VERSION);
  if (const absl::Status flags = CheckFlags({argv + 1, argv + argc}); !flags.ok()) {
    return Fail(flags);
  }
  gflags::ParseCommandLineNonHelpFlags(&argc, &argv, /*remove_flags=*/true);
  if (FLAGS_help) {
    PrintHelp();
    return 0;
  }
  if (FLAGS_version) {
    std::cout << "tapswitchd " << TAPSWITCH_VERSION << '\n';
    return 0;
  }
  return Main(std::vector<std::string>(argv + 1, argv + argc));
}
