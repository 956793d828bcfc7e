// tapswitchd: the daemon. One process is one bridge.

#include <gflags/gflags.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <climits>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "ports/interface/fastpath/forward_programs.h"
#include "ports/os/process_start.h"
#include "ports/os/text.h"
#include "ports/port_types.h"
#include "spdlog/spdlog.h"
#include "switch/control/config/config.h"
#include "switch/keeper/keeping.h"
#include "switch/keeper/supervisor.h"
#include "switch/process/command_line.h"
#include "switch/process/daemon.h"
#include "switch/process/detachment.h"
#include "switch/process/log.h"
#include "switch/process/parts.h"
#include "switch/process/privileges.h"
#include "switch/process/signals.h"
#include "switch/workers/channels/notification.h"

DEFINE_string(name, "br0", "name of the bridge");
DEFINE_string(ageing_time, "300s",
              "forget an address not seen for this long, e.g. 300s or 1500ms; 0s: never learn");
DEFINE_uint64(fdb_max, 65536, "entries that the address table has room for");
DEFINE_string(
    workers, "auto",
    "threads that forward: auto (one, helped by others while that pays), or a number from 1 "
    "to 64, each on a processor of its own and with a queue of each port");
DEFINE_bool(vlan_filtering, false, "forward frames by their VLANs; new ports are in VLAN 1");
DEFINE_string(
    io, "auto",
    "how frames are read and written: uring, epoll, or auto (the best the kernel allows)");
DEFINE_string(gro, "auto",
              "auto: frames of a flow that arrive together leave as one where a port takes that; "
              "off: each leaves by itself");
DEFINE_string(
    kernel_forwarding, "auto",
    "auto: the kernel carries known conversations between netdev ports by itself, where it "
    "can; off: each frame passes through the switch");
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
DEFINE_bool(
    detach, false,
    "return when the switch is ready, and leave it in the background: 0, or 1 with the error");
DEFINE_string(log_file, "",
              "file to append the log to; without it the log goes to standard error, and of a "
              "detached switch to syslog, or else to a file beside the control socket");
DEFINE_int32(take_over, -1,
             "take over from the process that has started this one, by this descriptor: for the "
             "switch itself (tapctl upgrade)");
DEFINE_bool(supervise, false,
            "start the switch as a child, keep what it has open, and start it again after it was "
            "killed, with its ports and addresses");
DEFINE_string(host_lease, "30s",
              "for how long the host's network stack is kept out of the interfaces that were ports "
              "after the switch was killed, unless it returns before; 0s: not at all");
DEFINE_int32(
    kept_by, -1,
    "the descriptor of the channel to the supervisor: for the switch itself (--supervise)");
DEFINE_bool(check, false, "validate flags and ports, then exit");

namespace {

// The share of the 10 seconds that ending may take.
constexpr std::chrono::seconds kLogPatience(2);

constexpr std::string_view kUsage = R"(Usage: tapswitchd [FLAG]... [PORT]...

An Ethernet switch in user space. A PORT is )";

std::string DefaultOf(const gflags::CommandLineFlagInfo& flag) {
  if (flag.type != "bool") return flag.default_value;
  return flag.default_value == "true" ? "on" : "off";
}

// Describes all types of ports, and the flags of this file, not those of gflags itself.
void PrintHelp() {
  std::vector<gflags::CommandLineFlagInfo> flags;
  gflags::GetAllFlags(&flags);
  std::cout << kUsage;
  std::string_view separator;
  for (const tapswitch::PortType& type : tapswitch::PortTypes()) {
    std::cout << separator << type.text.help;
    separator = "\nor ";
  }
  std::cout << "\nFlags:\n";
  for (const auto& flag : flags) {
    if (!flag.filename.ends_with("tapswitchd.cc")) continue;
    std::cout << "  --" << flag.name << '=' << DefaultOf(flag) << "\n      " << flag.description
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

tapswitch::FlagKind KindOf(const gflags::CommandLineFlagInfo& flag) {
  if (flag.type == "bool") return tapswitch::FlagKind::kSwitch;
  return flag.type == "string" ? tapswitch::FlagKind::kText : tapswitch::FlagKind::kNumber;
}

// Reads the command line in the words of this program; gflags gets what it cannot complain of.
absl::StatusOr<tapswitch::CommandLine> ReadFlags(const std::vector<std::string>& arguments) {
  std::vector<gflags::CommandLineFlagInfo> all;
  gflags::GetAllFlags(&all);
  std::vector<tapswitch::KnownFlag> known;
  known.reserve(all.size());
  for (const auto& flag : all) known.push_back({flag.name, KindOf(flag)});
  auto line = tapswitch::ReadCommandLine(arguments, known);
  if (!line.ok()) return line;
  std::vector<std::string> words = line->words;
  words.insert(words.begin(), "tapswitchd");
  std::vector<char*> pointers;
  pointers.reserve(words.size());
  for (std::string& word : words) pointers.push_back(word.data());
  int count = static_cast<int>(pointers.size());
  char** rest = pointers.data();
  gflags::ParseCommandLineNonHelpFlags(&count, &rest, /*remove_flags=*/true);
  line->words.assign(rest + 1, rest + count);
  return line;
}

absl::StatusOr<tapswitch::Config> ConfigFromFlags(const std::vector<std::string>& ports) {
  return tapswitch::ParseConfig({.name = FLAGS_name,
                                 .ageing_time = FLAGS_ageing_time,
                                 .fdb_max = FLAGS_fdb_max,
                                 .workers = FLAGS_workers,
                                 .vlan_filtering = FLAGS_vlan_filtering,
                                 .io = FLAGS_io,
                                 .gro = FLAGS_gro,
                                 .kernel_forwarding = FLAGS_kernel_forwarding,
                                 .busy_poll = FLAGS_busy_poll,
                                 .host_lease = FLAGS_host_lease,
                                 .control_socket = FLAGS_control_socket,
                                 .control_group = FLAGS_control_group,
                                 .startup_file = FLAGS_startup,
                                 .metrics_address = FLAGS_metrics_listen,
                                 .user = FLAGS_user,
                                 .ports = ports,
                                 .attach = FLAGS_attach});
}

// The path is read at the start, as the file may be replaced later.
tapswitch::ProgramImage ImageOf(const std::vector<std::string>& arguments) {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return {.path = size > 0 ? std::string(path.data(), static_cast<size_t>(size)) : "",
          .arguments = arguments,
          .version = TAPSWITCH_VERSION};
}

// The log of a detached switch goes where somebody will look for it.
absl::Status MoveLogAway(const std::string& control_socket) {
  if (!FLAGS_log_file.empty()) return absl::OkStatus();  // it is there already
  if (absl::Status moved = tapswitch::MoveLogToSyslog(); moved.ok()) return moved;
  std::string file = control_socket;
  if (file.ends_with(".sock")) file.resize(file.size() - std::string_view(".sock").size());
  return tapswitch::MoveLogToFile(file + ".log");
}

absl::Status OpenLog() {
  if (absl::Status log = tapswitch::SetUpLog(FLAGS_name, FLAGS_log_level); !log.ok()) return log;
  return FLAGS_log_file.empty() ? absl::OkStatus() : tapswitch::MoveLogToFile(FLAGS_log_file);
}

absl::Status OpenLogAgain() {
  return FLAGS_log_file.empty() ? absl::OkStatus() : tapswitch::MoveLogToFile(FLAGS_log_file);
}

void ReopenLog() {
  if (const absl::Status opened = OpenLogAgain(); !opened.ok()) {
    spdlog::error("{}", std::string(opened.message()));
  }
}

void LeaveTerminal(const std::string& control_socket) {
  const absl::Status moved = MoveLogAway(control_socket);
  if (!moved.ok()) spdlog::warn("the log ends here: {}", std::string(moved.message()));
}

// Returns the work for when the switch is ready, and for when it is told to read its files again.
tapswitch::SwitchOccasions OccasionsOf(const tapswitch::Config& config,
                                       std::optional<tapswitch::Detachment>& detachment) {
  return {.on_ready =
              [&] {
                if (!detachment && !(FLAGS_detach && FLAGS_kept_by >= 0)) return;
                LeaveTerminal(config.control_socket);
                if (detachment) detachment->Ready();
              },
          .on_reload = ReopenLog,
          .on_handed_over =
              [] {
                static_cast<void>(tapswitch::CloseLog(kLogPatience));
                _exit(0);
              }};
}

// Runs the switch as a child, again and again. The log of this process is where that of the child
// is.
int Supervise(const tapswitch::Config& config, const tapswitch::ProgramImage& program,
              std::optional<tapswitch::Detachment>& detachment) {
  tapswitch::ProgramStart start{.program = program.path,
                                .arguments = program.arguments,
                                .environment = tapswitch::PresentEnvironment()};
  // This process is the one that the service manager knows.
  std::erase_if(start.environment,
                [](const std::string& one) { return one.starts_with("NOTIFY_SOCKET="); });
  auto supervisor = tapswitch::Supervisor::Make({.start = std::move(start),
                                                 .lease = config.host_lease,
                                                 .on_ready =
                                                     [&] {
                                                       if (detachment)
                                                         LeaveTerminal(config.control_socket);
                                                       if (detachment) detachment->Ready();
                                                       tapswitch::Notify("READY=1");
                                                     },
                                                 .on_stop = [] { tapswitch::Notify("STOPPING=1"); },
                                                 .on_reload = ReopenLog});
  if (!supervisor.ok()) return Fail(supervisor.status());
  if (const absl::Status log = OpenLog(); !log.ok()) return Fail(log);
  const int status = supervisor->Run();
  if (!tapswitch::CloseLog(kLogPatience)) _exit(status);
  return status;
}

int Check(const tapswitch::Config& config) {
  if (const absl::Status log = tapswitch::SetUpLog(FLAGS_name, FLAGS_log_level); !log.ok()) {
    return Fail(log);
  }
  const absl::Status checked = tapswitch::CheckConfig(config);
  return checked.ok() ? 0 : Fail(checked);
}

// What the log of a switch that nobody has started by hand says, people read where it is.
bool IsContinued(const tapswitch::SwitchStart& start) {
  return start.take_over || start.keeping.died_at.count() != 0;
}

int RunSwitch(const tapswitch::Config& config, const tapswitch::ProgramImage& program,
              std::optional<tapswitch::Detachment>& detachment) {
  tapswitch::SwitchStart start{.is_supervised = FLAGS_supervise};
  if (FLAGS_take_over >= 0) {
    start.take_over = FLAGS_take_over;
  } else {
    auto keeping = tapswitch::BeginKeeping(FLAGS_kept_by, config.host_lease, [&config] {
      return tapswitch::GiveUpPrivileges(config.user,
                                         [](tapswitch::PrivilegeStep step) { return step(); });
    });
    if (!keeping.ok()) return Fail(keeping.status());
    start.keeping = *std::move(keeping);
  }
  if (const absl::Status log = OpenLog(); !log.ok()) return Fail(log);
  if (FLAGS_detach && IsContinued(start)) LeaveTerminal(config.control_socket);
  const absl::Status ran =
      tapswitch::RunSwitch(config, program, OccasionsOf(config, detachment), std::move(start));
  const bool is_logged = tapswitch::CloseLog(kLogPatience);
  const int exit_status = ran.ok() ? 0 : Fail(ran);
  // The thread that writes the log is still writing, so the objects that it uses must stay until it
  // ends.
  if (!is_logged) _exit(exit_status);
  return exit_status;
}

int Main(const tapswitch::ProgramImage& program, const std::vector<std::string>& ports) {
  const auto config = ConfigFromFlags(ports);
  if (!config.ok()) return Fail(config.status());
  if (FLAGS_check) return Check(*config);
  const bool is_first = FLAGS_take_over < 0 && FLAGS_kept_by < 0;
  std::optional<tapswitch::Detachment> detachment;
  if (FLAGS_detach && is_first) {
    auto forked = tapswitch::Detachment::Fork();
    if (!forked.ok()) return Fail(forked.status());
    detachment = *std::move(forked);
  }
  if (FLAGS_supervise && is_first) return Supervise(*config, program, detachment);
  return RunSwitch(*config, program, detachment);
}

}  // namespace

int main(int argc, char** argv) {
  tapswitch::OpenStandardDescriptors();
  tapswitch::ForgetInherited();
  gflags::SetVersionString(TAPSWITCH_VERSION);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto line = ReadFlags(arguments);
  if (!line.ok()) return Fail(line.status());
  if (line->wants_help) {
    PrintHelp();
    return 0;
  }
  if (line->wants_version) {
    std::cout << "tapswitchd " << TAPSWITCH_VERSION
              << (tapswitch::HasForwardPrograms() ? ""
                                                  : " (built without forwarding by the kernel)")
              << '\n';
    return 0;
  }
  return Main(ImageOf(arguments), line->words);
}
