#include "tools/tapctl/wait.h"

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"

namespace tapswitch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Ticks kPatience{3000};  // 30 s, as kubectl wait has it
constexpr std::chrono::milliseconds kPeriod(20);

// What is waited for.
struct Wish {
  std::optional<std::string> port;
  std::string link;  // "up" or "down"
  Ticks timeout = kPatience;
};

absl::StatusOr<Wish> ReadWish(const nlohmann::json& params) {
  Wish wish;
  if (const auto port = params.find("port"); port != params.end()) {
    wish.port = port->get<std::string>();
  }
  wish.link = params.value("link", "");
  if (wish.port.has_value() != !wish.link.empty()) {
    return absl::InvalidArgumentError(
        "wait: expected 'port NAME up' or 'port NAME down', or neither");
  }
  if (const auto text = params.find("timeout"); text != params.end()) {
    const auto timeout = ParseDuration(text->get<std::string>());
    if (!timeout.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("timeout: {}", std::string(timeout.status().message())));
    }
    wish.timeout = *timeout;
  }
  return wish;
}

// OK when the port is as it is wanted; else the error says how it is.
absl::Status CheckPort(ControlConnection& connection, const Wish& wish) {
  const auto ports = connection.Call("port.list", {{"name", *wish.port}});
  if (!ports.ok()) return ports.status();
  if (!ports->is_array() || ports->empty())
    return absl::UnavailableError("what answers is no switch");
  const auto& port = ports->front();
  const std::string link = port.value("link", "");
  if (link == wish.link) return absl::OkStatus();
  const std::string reason = port.value("reason", "");
  return absl::UnavailableError(
      fmt::format("port {} is {}{}{}", *wish.port, link, reason.empty() ? "" : ": ", reason));
}

absl::Status Check(const Connector& connect, std::optional<ControlConnection>& connection,
                   const Wish& wish) {
  if (!connection) {
    auto made = connect();
    if (!made.ok()) return made.status();
    connection = *std::move(made);
  }
  if (wish.port) return CheckPort(*connection, wish);
  // It is answered once the ports of the command line forward, or have said why not.
  return connection->Call("bridge.list", nlohmann::json::object()).status();
}

}  // namespace

absl::Status RunWait(const Connector& connect, const nlohmann::json& params) {
  const auto wish = ReadWish(params);
  if (!wish.ok()) return wish.status();
  const auto end = Clock::now() + std::chrono::milliseconds(wish->timeout.centiseconds * 10);
  std::optional<ControlConnection> connection;
  for (;;) {
    absl::Status done = Check(connect, connection, *wish);
    if (done.ok()) return done;
    if (absl::IsUnavailable(done) && !wish->port) connection.reset();
    if (Clock::now() >= end) {
      return absl::DeadlineExceededError(
          fmt::format("after {}: {}", DurationText(wish->timeout), std::string(done.message())));
    }
    std::this_thread::sleep_for(kPeriod);
  }
}

}  // namespace tapswitch
