#include "tools/tapctl/release.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "ports/os/control_folders.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"
#include "switch/control/adopt/adoption_record.h"
#include "switch/control/adopt/give_back.h"

namespace tapswitch {
namespace {

using Json = ControlConnection::Json;

// The sockets that a switch may have had which is not found any more, by the files that it left.
std::vector<std::string> SocketsOfRecords(const std::optional<std::string>& bridge) {
  std::vector<std::string> sockets;
  const char* const environment = std::getenv("TAPSWITCH_BRIDGE");
  const std::string name = bridge.value_or(environment == nullptr ? "" : environment);
  if (name.find('/') != std::string::npos) return {name};
  for (const std::string& file : FindAdoptionFiles()) {
    const std::string socket = SocketOfAdoption(file);
    bool is_meant = name.empty();
    for (const std::string& folder : ControlFolders()) {
      is_meant |= socket == ControlSocketPath(folder, name);
    }
    if (is_meant) sockets.push_back(socket);
  }
  return sockets;
}

absl::StatusOr<std::string> SocketOf(const std::optional<std::string>& bridge, int patience) {
  auto running = FindSocket(bridge, patience);
  const bool is_said = running.ok() && ReadAdoption(AdoptionFile(*running)).ok();
  if (is_said) return running;
  const std::vector<std::string> sockets = SocketsOfRecords(bridge);
  if (sockets.size() == 1) return sockets.front();
  if (sockets.empty()) return running;
  return absl::UnavailableError(
      fmt::format("several switches have taken over a bridge: say -B with one of {}",
                  fmt::join(sockets, ", ")));
}

}  // namespace

absl::StatusOr<Json> RunRelease(const std::optional<std::string>& bridge, int patience,
                                const nlohmann::json& params) {
  const auto socket = SocketOf(bridge, patience);
  if (!socket.ok()) return socket.status();
  auto connection = ControlConnection::Open(*socket, patience);
  if (connection.ok()) return connection->Call("bridge.release", params);
  if (!absl::IsUnavailable(connection.status())) return connection.status();
  const bool dry_run = params.value("dry_run", false);
  auto lines = GiveBack(AdoptionFile(*socket), dry_run);
  if (absl::IsNotFound(lines.status())) return connection.status();
  if (!lines.ok()) return lines.status();
  Json answer = Json::object();
  if (!lines->empty()) answer[dry_run ? "steps" : "warnings"] = *std::move(lines);
  return answer;
}

}  // namespace tapswitch
