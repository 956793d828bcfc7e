// tapctl: shows and changes a running bridge. The exit status is that of iproute2: 0 for
// success, 1 for a wrong command line, 2 if the switch refuses or cannot be reached.

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ports/os/process_start.h"
#include "ports/os/text.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/client/control_connection.h"
#include "switch/control/commands/batch_reader.h"
#include "switch/control/commands/parse_command.h"
#include "tools/tapctl/apply.h"
#include "tools/tapctl/capture.h"
#include "tools/tapctl/complete_text.h"
#include "tools/tapctl/completion.h"
#include "tools/tapctl/help.h"
#include "tools/tapctl/options.h"
#include "tools/tapctl/release.h"
#include "tools/tapctl/render/render.h"
#include "tools/tapctl/render/render_event.h"
#include "tools/tapctl/stop.h"
#include "tools/tapctl/top.h"
#include "tools/tapctl/upgrade.h"
#include "tools/tapctl/view/answer.h"
#include "tools/tapctl/view/overview.h"
#include "tools/tapctl/view/reach.h"
#include "tools/tapctl/wait.h"

namespace tapswitch {
namespace {

int StatusOf(const absl::Status& status) {
  if (status.ok()) return 0;
  return absl::IsInvalidArgument(status) ? 1 : 2;
}

// Returns false if the reader of the output is gone.
bool Print(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

// Runs commands over one connection, which is made when the first command needs it.
class CommandRunner {
 public:
  explicit CommandRunner(const Options& options) : options_(options) {}

  absl::Status Run(std::span<const std::string> words);

 private:
  [[nodiscard]] absl::StatusOr<ControlConnection> OpenConnection() const;
  absl::Status Connect();
  absl::Status RunBatch(const std::string& name);
  absl::Status RunMonitor(const Request& request);
  absl::Status Resubscribe(const Request& request);
  absl::Status PassOn(const Request& request);
  [[nodiscard]] absl::Status Show(const Request& request,
                                  const absl::StatusOr<ControlConnection::Json>& answer) const;
  absl::Status RunShow();
  absl::Status RunWhy(const Request& request);
  absl::Status RunReachDifference(const Request& request);

  const Options& options_;
  std::optional<ControlConnection> connection_;
  bool in_batch_ = false;
};

absl::StatusOr<ControlConnection> CommandRunner::OpenConnection() const {
  const auto path = FindSocket(options_.bridge, options_.timeout);
  if (!path.ok()) return path.status();
  return ControlConnection::Open(*path, options_.timeout);
}

absl::Status CommandRunner::Connect() {
  if (connection_) return absl::OkStatus();
  auto connection = OpenConnection();
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  return absl::OkStatus();
}

// Watches the process that has taken over, as before.
absl::Status CommandRunner::Resubscribe(const Request& request) {
  connection_.reset();
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  return connection_->Call(request.command->method, request.params).status();
}

absl::Status CommandRunner::RunMonitor(const Request& request) {
  // Each line is out at once: there is nothing left to do.
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { _exit(0); });
  if (const auto started = connection_->Call(request.command->method, request.params);
      !started.ok()) {
    return started.status();
  }
  // bridge(8) names the objects where all are asked for.
  const auto objects = request.params.value("objects", nlohmann::json::array());
  const bool label = objects.size() != 1 || objects[0] == "all";
  for (bool is_handed_over = false;;) {
    const auto event = connection_->NextEvent(STDOUT_FILENO);
    if (absl::IsCancelled(event.status())) return absl::OkStatus();
    if (!event.ok() && std::exchange(is_handed_over, false)) {
      if (absl::Status again = Resubscribe(request); !again.ok()) return again;
      continue;
    }
    if (!event.ok()) return event.status();
    is_handed_over = TextAt(*event, "event") == "handed_over";
    if (!Print(RenderEvent(*event, label, options_.output))) return absl::OkStatus();
  }
}

// Whoever stopped reading, such as head(1), knows.
absl::Status CannotWrite() {
  return absl::UnavailableError(errno == EPIPE ? "" : "cannot write the answer to standard output");
}

absl::Status CommandRunner::PassOn(const Request& request) {
  absl::Status passed = connection_->CallAndPassOn(
      request.command->method, request.params, [](std::string_view part) {
        return std::fwrite(part.data(), 1, part.size(), stdout) == part.size();
      });
  if (absl::IsCancelled(passed)) return CannotWrite();
  if (!passed.ok()) return passed;
  return Print("\n") ? absl::OkStatus() : CannotWrite();
}

absl::Status CommandRunner::RunShow() {
  const nlohmann::json none = nlohmann::json::object();
  ControlConnection::Json answer = ControlConnection::Json::object();
  for (const char* object : {"bridge", "port", "vlan"}) {
    auto list = connection_->Call(fmt::format("{}.list", object), none);
    if (!list.ok()) return list.status();
    if (!IsAnswerTo("port.list", *list)) return absl::UnavailableError("what answers is no switch");
    answer[object] = *std::move(list);
  }
  if (answer["bridge"].empty()) return absl::UnavailableError("what answers is no switch");
  const std::string text =
      options_.output.json
          ? answer.dump(options_.output.pretty ? 4 : -1) + "\n"
          : RenderOverview(
                {.bridge = answer["bridge"][0], .ports = answer["port"], .vlans = answer["vlan"]},
                options_.output);
  return Print(text) ? absl::OkStatus() : CannotWrite();
}

absl::Status CommandRunner::RunWhy(const Request& request) {
  const auto text =
      ExplainHosts(*connection_, request.params.at("hosts").get<std::vector<std::string>>());
  if (!text.ok()) return text.status();
  return Print(*text) ? absl::OkStatus() : CannotWrite();
}

absl::Status CommandRunner::RunReachDifference(const Request& request) {
  const auto before = ReadReach(request.params.at("diff").get<std::string>());
  if (!before.ok()) return before.status();
  const auto now = connection_->Call("reach", nlohmann::json::object());
  if (!now.ok()) return now.status();
  return Print(RenderReachDifference(*before, *now)) ? absl::OkStatus() : CannotWrite();
}

// NOLINTNEXTLINE(misc-no-recursion): a batch runs its commands by it, and no batch is in a batch.
absl::Status CommandRunner::Run(std::span<const std::string> words) {
  auto request = ParseCommand(words);
  if (!request.ok()) return request.status();
  if (request->command->method == "fdb.list") request->params["ages"] = options_.output.statistics;
  if (request->command->method == "vlan.list" && options_.output.statistics) {
    request->params["statistics"] = true;
  }
  if (request->command->method == "vlan.list" && options_.output.details) {
    request->params["details"] = true;
  }
  const std::string_view object = request->command->object;
  if (object == "batch") return RunBatch(request->params["file"].get<std::string>());
  if (object == "wait") return RunWait([this] { return OpenConnection(); }, request->params);
  if (object == "release") {
    return Show(*request, RunRelease(options_.bridge, options_.timeout, request->params));
  }
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  if (object == "stop") return Show(*request, RunStop(*connection_, options_.timeout));
  if (object == "upgrade") return Show(*request, RunUpgrade(*connection_, request->params));
  if (object == "show") return RunShow();
  if (object == "why") return RunWhy(*request);
  if (object == "reach" && request->params.contains("diff")) return RunReachDifference(*request);
  if (object == "monitor") return RunMonitor(*request);
  if (object == "capture") return RunCapture(*connection_, request->params);
  if (object == "top") return RunTop(*connection_, request->params, options_.output.json);
  if (IsShownAsItComes(*request, options_.output)) return PassOn(*request);
  return Show(*request, object == "apply"
                            ? RunApply(*connection_, request->params)
                            : connection_->Call(request->command->method, request->params));
}

absl::Status CommandRunner::Show(const Request& request,
                                 const absl::StatusOr<ControlConnection::Json>& answer) const {
  if (!answer.ok()) return answer.status();
  if (!IsAnswerTo(request.command->method, *answer)) {
    return absl::UnavailableError("the answer makes no sense: is it a switch of this version?");
  }
  for (const std::string& warning : WarningsIn(*answer)) {
    std::cerr << "tapctl: warning: " << Printable(warning) << '\n';
  }
  if (Print(RenderAnswer(request, *answer, options_.output))) return absl::OkStatus();
  return CannotWrite();
}

// Says nothing when all is well, or said already.
void Complain(const absl::Status& status) {
  if (status.message().empty()) return;
  std::cerr << "tapctl: " << Printable(WithCure(std::string(status.message()))) << '\n';
}

// Stops at the first command that fails; with -force it goes on, and its result is that of the last
// that failed.
// NOLINTNEXTLINE(misc-no-recursion): `in_batch_` ends it.
absl::Status CommandRunner::RunBatch(const std::string& name) {
  if (std::exchange(in_batch_, true)) {
    return absl::InvalidArgumentError("a batch in a batch: give the commands themselves");
  }
  std::ifstream file;
  if (name != "-") file.open(name);
  if (name != "-" && !file) {
    return absl::InvalidArgumentError(fmt::format("{}: cannot be read", name));
  }
  BatchReader batch(name == "-" ? std::cin : static_cast<std::istream&>(file));
  absl::Status result;
  while (const auto words = batch.Next()) {
    const absl::Status ran = words->ok() ? Run(**words) : words->status();
    if (ran.ok()) continue;
    result = ran;
    Complain(ran);
    std::cerr << "Command failed " << name << ':' << batch.line() << '\n';
    if (!options_.force) break;
  }
  in_batch_ = false;
  if (file.bad()) {  // a folder can be opened, but not read
    return absl::InvalidArgumentError(fmt::format("{}: cannot be read", name));
  }
  // It has been complained of already.
  return result.ok() ? result : absl::Status(result.code(), "");
}

absl::Status RunCommand(const Options& options, std::span<const std::string> words) {
  try {
    return CommandRunner(options).Run(words);
  } catch (const nlohmann::json::exception&) {
    // An answer without the shape that this method has: whoever listens there may be anybody.
    return absl::UnavailableError("what answers there is no switch, or not of this version");
  }
}

int ShowHelp(std::span<const std::string> topic) {
  const auto help = Help(topic, TerminalColumns());
  if (!help.ok()) {
    Complain(help.status());
    return 1;
  }
  return Print(*help) ? 0 : 1;
}

int Main(std::span<const std::string> words) {
  if (!words.empty() && words.front() == "__complete") {
    return Print(Completions(words.subspan(1))) ? 0 : 1;
  }
  if (words.size() == 2 && words.front() == "__complete_daemon") {
    std::string lines;
    for (const std::string& text : DaemonTexts(words.back())) lines += text + "\n";
    return Print(lines) ? 0 : 1;
  }
  const auto options = TakeOptions(words);
  if (!options.ok()) {
    Complain(options.status());
    return 1;
  }
  if (options->version) {
    std::cout << "tapctl " << TAPSWITCH_VERSION << '\n';
    return 0;
  }
  const auto topic = HelpTopic(words);
  if (topic) return ShowHelp(*topic);
  if (options->help || (words.empty() && options->output.human)) return ShowHelp(words);
  std::vector<std::string> command(words.begin(), words.end());
  if (options->batch_file) command = {"batch", *options->batch_file};
  const absl::Status ran = RunCommand(*options, command);
  Complain(ran);
  return StatusOf(ran);
}

}  // namespace
}  // namespace tapswitch

int main(int argc, char** argv) {
  tapswitch::OpenStandardDescriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has gone is found out by writing
  const std::vector<std::string> words(argv + 1, argv + argc);
  return tapswitch::Main(words);
}
