#include "ports/port_types.h"

#include <array>
#include <string>
#include <string_view>

#include "ports/interface/netdev_options.h"
#include "ports/interface/netdev_port.h"
#include "ports/interface/tap_options.h"
#include "ports/interface/tap_port.h"
#include "ports/socket/unix_options.h"
#include "ports/socket/unix_port.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using Ports = std::vector<std::unique_ptr<Port>>;

UnixListeners& ListenersOf(const PortSurroundings& surroundings) { return surroundings.listeners; }

const PortSurroundings& All(const PortSurroundings& surroundings) { return surroundings; }

absl::StatusOr<Ports> OpenTapWithQueues(std::span<const PortIdentity> identities,
                                        const TapOptions& options,
                                        const PortSurroundings& surroundings) {
  return OpenTapPort(identities, options, surroundings.monitor, surroundings.share_link);
}

absl::StatusOr<Ports> OpenNetdev(std::span<const PortIdentity> identities,
                                 const NetdevOptions& options,
                                 const PortSurroundings& surroundings) {
  return OpenNetdevPort(identities, options, surroundings.monitor, surroundings.share_link,
                        surroundings.notes);
}

// A port of one queue.
absl::StatusOr<Ports> OpenUnixPortAlone(std::span<const PortIdentity> identities,
                                        const UnixOptions& options, UnixListeners& listeners) {
  auto port = OpenUnixPort(identities[0], options, listeners);
  if (!port.ok()) return port.status();
  Ports ports;
  ports.push_back(*std::move(port));
  return ports;
}

// Opens the device; without surroundings it only looks at the text, and returns none. `kShared`: what
// ports of the type need of them.
template <auto kParse, auto kOpen, auto kShared>
absl::StatusOr<Ports> Make(const PortSpec& spec, std::span<const PortIdentity> identities,
                           const PortSurroundings* surroundings) {
  const auto options = kParse(spec);
  if (!options.ok()) return options.status();
  if (surroundings == nullptr) return Ports();
  return kOpen(identities, *options, kShared(*surroundings));
}

struct PortType {
  std::string_view name;
  absl::StatusOr<Ports> (*make)(const PortSpec& spec, std::span<const PortIdentity> identities,
                                const PortSurroundings* surroundings);
};

constexpr std::array kTypes{
    PortType{"tap", Make<ParseTapOptions, OpenTapWithQueues, All>},
    PortType{"netdev", Make<ParseNetdevOptions, OpenNetdev, All>},
    PortType{"unix", Make<ParseUnixOptions, OpenUnixPortAlone, ListenersOf>},
};

absl::StatusOr<Ports> MakeOfType(const PortSpec& spec, std::span<const PortIdentity> identities,
                                 const PortSurroundings* surroundings) {
  for (const PortType& type : kTypes) {
    if (type.name == spec.type) return type.make(spec, identities, surroundings);
  }
  std::string known;
  for (const PortType& type : kTypes) {
    known += fmt::format("{}{}:{}", known.empty() ? "" : " or ", type.name, spec.name);
  }
  return absl::InvalidArgumentError(
      fmt::format("port {0}:{1}: type '{0}' is unknown: use {2}", spec.type, spec.name, known));
}

}  // namespace

absl::Status CheckPort(const PortSpec& spec) { return MakeOfType(spec, {}, nullptr).status(); }

absl::StatusOr<std::vector<PortSpec>> ExpandPort(const PortSpec& spec) {
  return ExpandClients(spec);
}

absl::StatusOr<std::vector<std::unique_ptr<Port>>> MakePortQueues(
    const PortSpec& spec, std::span<const PortIdentity> identities,
    const PortSurroundings& surroundings) {
  return MakeOfType(spec, identities, &surroundings);
}

}  // namespace tapswitch
