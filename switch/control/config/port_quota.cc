#include "switch/control/config/port_quota.h"

#include <algorithm>
#include <optional>

#include "ports/port_spec.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// Returns the name of the port that the request adds, if the port is ephemeral.
std::optional<std::string> EphemeralPort(const nlohmann::json& params) {
  if (!params.is_object()) return std::nullopt;
  const auto text = params.find("port");
  const auto ephemeral = params.find("ephemeral");
  if (text == params.end() || !text->is_string()) return std::nullopt;
  if (ephemeral == params.end() || *ephemeral != true) return std::nullopt;
  const auto spec = ParsePortSpec(text->get_ref<const std::string&>());
  return spec.ok() ? std::optional(spec->name) : std::nullopt;
}

}  // namespace

absl::Status PortQuota::Check(uid_t user, const nlohmann::json& params,
                              const BridgeConfig& config) {
  const auto name = EphemeralPort(params);
  if (!name) return absl::OkStatus();
  std::erase_if(owners_, [&](const auto& entry) {
    const PortConfig* const port = config.port(entry.first);
    return port == nullptr || !port->ephemeral;
  });
  const auto count = static_cast<size_t>(std::count_if(
      owners_.begin(), owners_.end(), [&](const auto& entry) { return entry.second == user; }));
  if (count < kMost || owners_.contains(*name)) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "port {}: uid {} has {} ports of guests already: end some of them", *name, user, count));
}

void PortQuota::Record(uid_t user, const nlohmann::json& params) {
  if (const auto name = EphemeralPort(params)) owners_[*name] = user;
}

}  // namespace tapswitch
