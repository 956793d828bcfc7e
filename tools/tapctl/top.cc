#include "tools/tapctl/top.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"
#include "tools/tapctl/view/paint.h"
#include "tools/tapctl/view/top_view.h"

namespace tapswitch {
namespace {

using std::chrono::milliseconds;

double SecondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// `port` is the one whose page is shown; empty: none.
absl::StatusOr<TopSample> TakeSample(ControlConnection& connection, const std::string& port) {
  const nlohmann::json none = nlohmann::json::object();
  auto bridge = connection.Call("bridge.list", none);
  if (!bridge.ok()) return bridge.status();
  auto ports = connection.Call("port.list", none);
  if (!ports.ok()) return ports.status();
  if (!bridge->is_array() || bridge->empty())
    return absl::UnavailableError("the switch says nothing");
  TopSample sample{.seconds = SecondsNow(), .bridge = bridge->front(), .ports = *std::move(ports)};
  if (port.empty()) return sample;
  // A port that has just gone has neither.
  if (auto hosts = connection.Call("fdb.list", {{"dev", port}}); hosts.ok()) {
    sample.hosts = *std::move(hosts);
  }
  if (auto vlans = connection.Call("vlan.list", {{"dev", port}}); vlans.ok()) {
    sample.vlans = *std::move(vlans);
  }
  return sample;
}

// The terminal as it is needed, while this lives: the alternate screen without a cursor, keys at
// once and without echo. Signals are read from fd(), so that nothing ends it unrestored.
class Terminal {
 public:
  Terminal() {
    tcgetattr(STDIN_FILENO, &saved_);
    termios raw = saved_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    std::fputs("\033[?1049h\033[?25l", stdout);
  }
  ~Terminal() {
    std::fputs("\033[?25h\033[?1049l", stdout);
    std::fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] static TopSize size() {
    winsize window{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row == 0) return {24, 80};
    return {window.ws_row, window.ws_col};
  }

  // From the top left corner, clearing what was there before, without a flicker.
  static void Draw(const std::vector<std::string>& lines) {
    std::string screen = "\033[H";
    for (size_t i = 0; i < lines.size(); ++i) {
      screen += lines[i] + "\033[K" + (i + 1 < lines.size() ? "\r\n" : "");
    }
    screen += "\033[J";
    std::fputs(screen.c_str(), stdout);
    std::fflush(stdout);
  }

 private:
  termios saved_{};
};

FileDescriptor WatchSignals(std::initializer_list<int> numbers) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : numbers) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

enum class Wake { kTime, kRedraw, kKey, kEnd };

// Waits for the time, a key, which is put into `keys`, or a signal.
Wake WaitFor(milliseconds span, int stop_signals, int resize_signals, bool has_keys,
             std::string& keys) {
  std::array<pollfd, 3> wait{{{stop_signals, POLLIN, 0},
                              {resize_signals, POLLIN, 0},
                              {has_keys ? STDIN_FILENO : -1, POLLIN, 0}}};
  if (poll(wait.data(), wait.size(), static_cast<int>(span.count())) <= 0) return Wake::kTime;
  if (wait[0].revents != 0) return Wake::kEnd;
  signalfd_siginfo signal{};
  if (read(resize_signals, &signal, sizeof(signal)) == sizeof(signal)) return Wake::kRedraw;
  std::array<char, 16> bytes{};
  const ssize_t got = read(STDIN_FILENO, bytes.data(), bytes.size());
  if (got <= 0) return Wake::kEnd;
  keys.assign(bytes.data(), static_cast<size_t>(got));
  return Wake::kKey;
}

bool PrintObject(const nlohmann::ordered_json& object) {
  const std::string line =
      object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::printf("%s\n", line.c_str());
  return std::fflush(stdout) == 0;
}

bool PrintLines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  std::printf("\n");
  return std::fflush(stdout) == 0;
}

// Until something ends it; Cancelled by a stop signal.
absl::Status ShowViews(ControlConnection& connection, milliseconds period, uint64_t count,
                       bool as_json) {
  const FileDescriptor stops = WatchSignals({SIGINT, SIGTERM, SIGHUP});
  const FileDescriptor resizes = WatchSignals({SIGWINCH});
  // A switch that hangs must not keep the terminal.
  connection.InterruptBy(stops.get());
  const bool has_screen = !as_json && isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1;
  std::optional<Terminal> terminal;
  if (has_screen) terminal.emplace();
  // What they stop or end would leave the screen behind.
  for (const int signal : {SIGTSTP, SIGQUIT}) std::signal(signal, SIG_IGN);
  TopState state{.coloured = has_screen && !ColourIsForbidden()};
  auto before = TakeSample(connection, state.port);
  if (!before.ok()) return before.status();
  TopSample now = *before;
  for (uint64_t views = 0; count == 0 || views < count;) {
    if (has_screen) Terminal::Draw(LayOutTop(*before, now, Terminal::size(), state));
    std::string keys;
    const Wake wake = WaitFor(period, stops.get(), resizes.get(), has_screen, keys);
    if (wake == Wake::kEnd) break;
    if (wake == Wake::kRedraw) continue;
    const std::string port = state.port;
    if (wake == Wake::kKey && !PressKey(KeyOf(keys), *before, now, state)) break;
    // Another page has other contents; else the next sample is due in its time.
    if (wake == Wake::kKey && state.port == port) continue;
    auto next = TakeSample(connection, state.port);
    if (!next.ok()) return next.status();
    before = std::exchange(now, *std::move(next));
    ++views;
    if (as_json && !PrintObject(TopAsJson(*before, now))) break;
    if (!as_json && !has_screen && !PrintLines(LayOutTop(*before, now, {}))) break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunTop(ControlConnection& connection, const nlohmann::json& params, bool as_json) {
  const auto interval = ParseDuration(params.value("interval", std::string("1s")));
  if (!interval.ok()) {
    return absl::InvalidArgumentError("interval " + std::string(interval.status().message()));
  }
  const uint64_t count = params.value("count", uint64_t{0});
  if (count == 0 && params.contains("count")) {
    return absl::InvalidArgumentError("count 0: expected 1 or more; without it top goes on");
  }
  // poll() counts in an int: no view needs to last longer than a day.
  constexpr uint64_t kMostCentiseconds = 8'640'000;
  const milliseconds period(std::clamp<uint64_t>(interval->centiseconds, 1, kMostCentiseconds) *
                            10);
  const absl::Status shown = ShowViews(connection, period, count, as_json);
  connection.InterruptBy(-1);
  return absl::IsCancelled(shown) ? absl::OkStatus() : shown;
}

}  // namespace tapswitch
