#include "ports/port_types.h"

#include <algorithm>
#include <array>
#include <string>

#include "ports/interface/netdev/netdev_options.h"
#include "ports/interface/tap/tap_options.h"
#include "ports/interface/tap/tap_port.h"
#include "ports/interface/veth/veth_options.h"
#include "ports/interface/veth/veth_pair.h"
#include "ports/layer3/tun_options.h"
#include "ports/layer3/tun_port.h"
#include "ports/link/link_options.h"
#include "ports/link/link_port.h"
#include "ports/socket/udp_options.h"
#include "ports/socket/udp_port.h"
#include "ports/socket/unix_options.h"
#include "ports/socket/unix_port.h"
#include "ports/vhost_user/vhost_options.h"
#include "ports/vhost_user/vhost_port.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

absl::Status CheckTap(const PortSpec& spec) { return ParseTapOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenTap(const PortSpec& spec, std::span<const PortIdentity> identities,
                                   const PortSurroundings& surroundings) {
  const auto options = ParseTapOptions(spec);
  if (!options.ok()) return options.status();
  return OpenTapPort(identities, *options, surroundings.monitor, surroundings.share_link,
                     surroundings.kernel, surroundings.inherited);
}

absl::Status CheckNetdev(const PortSpec& spec) { return ParseNetdevOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenNetdev(const PortSpec& spec,
                                      std::span<const PortIdentity> identities,
                                      const PortSurroundings& surroundings) {
  const auto options = ParseNetdevOptions(spec);
  if (!options.ok()) return options.status();
  return OpenNetdevPort(identities, *options, surroundings.monitor, surroundings.share_link,
                        surroundings.notes, surroundings.missing, surroundings.switchover,
                        surroundings.kernel, nullptr, surroundings.inherited);
}

absl::StatusOr<PortQueues> OnlyQueue(absl::StatusOr<std::unique_ptr<Port>> port) {
  if (!port.ok()) return port.status();
  PortQueues queues;
  queues.push_back(*std::move(port));
  return queues;
}

absl::Status CheckUnix(const PortSpec& spec) { return ParseUnixOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenUnix(const PortSpec& spec, std::span<const PortIdentity> identities,
                                    const PortSurroundings& surroundings) {
  const auto options = ParseUnixOptions(spec);
  if (!options.ok()) return options.status();
  return OnlyQueue(
      OpenUnixPort(identities.front(), *options, surroundings.listeners, surroundings.inherited));
}

absl::Status CheckUdp(const PortSpec& spec) { return ParseUdpOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenUdp(const PortSpec& spec, std::span<const PortIdentity> identities,
                                   const PortSurroundings& surroundings) {
  const auto options = ParseUdpOptions(spec);
  if (!options.ok()) return options.status();
  return OnlyQueue(OpenUdpPort(identities.front(), *options, surroundings.inherited));
}

absl::Status CheckLink(const PortSpec& spec) { return ParseLinkOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenLink(const PortSpec& spec, std::span<const PortIdentity> identities,
                                    const PortSurroundings& surroundings) {
  const auto options = ParseLinkOptions(spec);
  if (!options.ok()) return options.status();
  return OnlyQueue(
      OpenLinkPort(identities.front(), *options, surroundings.link_place, surroundings.inherited));
}

absl::Status CheckTun(const PortSpec& spec) { return ParseTunOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenTun(const PortSpec& spec, std::span<const PortIdentity> identities,
                                   const PortSurroundings& surroundings) {
  const auto options = ParseTunOptions(spec);
  if (!options.ok()) return options.status();
  return OnlyQueue(OpenTunPort(identities.front(), *options,
                               {.bridge = surroundings.link_place.bridge,
                                .monitor = surroundings.monitor,
                                .share_link = surroundings.share_link,
                                .notes = surroundings.notes,
                                .inherited = surroundings.inherited}));
}

absl::Status CheckVhost(const PortSpec& spec) { return ParseVhostOptions(spec).status(); }

absl::StatusOr<PortQueues> OpenVhost(const PortSpec& spec, std::span<const PortIdentity> identities,
                                     const PortSurroundings& surroundings) {
  const auto options = ParseVhostOptions(spec);
  if (!options.ok()) return options.status();
  return OpenVhostPort(identities, *options, surroundings.inherited);
}

absl::Status CheckVeth(const PortSpec& spec) { return ParseVethOptions(spec).status(); }

// A netdev port on an end of a pair of its own.
absl::StatusOr<PortQueues> OpenVeth(const PortSpec& spec, std::span<const PortIdentity> identities,
                                    const PortSurroundings& surroundings) {
  const auto options = ParseVethOptions(spec);
  if (!options.ok()) return options.status();
  PortHandover* const inherited = surroundings.inherited;
  auto pair = inherited != nullptr && inherited->has(PortHandover::QueueName(0))
                  ? VethPair::Inherit(*options, static_cast<int>(inherited->number("ifindex")))
                  : VethPair::Make(*options);
  if (!pair.ok()) return pair.status();
  return OpenNetdevPort(identities, {.name = spec.name, .is_own = true}, surroundings.monitor,
                        surroundings.share_link, surroundings.notes, surroundings.missing, nullptr,
                        surroundings.kernel, *std::move(pair), inherited);
}

static_assert(kPortTypeTexts.front().name == kDefaultPortType);

constexpr std::array kPortTypes{
    PortType{.text = kTapText,
             .has_several_queues = true,
             .check = CheckTap,
             .expand = nullptr,
             .open = OpenTap},
    PortType{.text = kNetdevText,
             .has_several_queues = true,
             .check = CheckNetdev,
             .expand = nullptr,
             .open = OpenNetdev},
    PortType{.text = kVethText,
             .has_several_queues = true,
             .check = CheckVeth,
             .expand = nullptr,
             .open = OpenVeth},
    PortType{.text = kUnixText,
             .has_several_queues = false,
             .check = CheckUnix,
             .expand = ExpandClients,
             .open = OpenUnix},
    PortType{.text = kLinkText,
             .has_several_queues = false,
             .check = CheckLink,
             .expand = nullptr,
             .open = OpenLink},
    PortType{.text = kTunText,
             .has_several_queues = false,
             .check = CheckTun,
             .expand = nullptr,
             .open = OpenTun},
    PortType{.text = kUdpText,
             .has_several_queues = false,
             .check = CheckUdp,
             .expand = nullptr,
             .open = OpenUdp},
    PortType{.text = kVhostText,
             .has_several_queues = true,
             .check = CheckVhost,
             .expand = nullptr,
             .open = OpenVhost},
};

absl::Status UnknownType(const PortSpec& spec) {
  std::string known;
  for (const PortType& type : kPortTypes) {
    known += fmt::format("{}{}:{}", known.empty() ? "" : " or ", type.text.name, spec.name);
  }
  return absl::InvalidArgumentError(
      fmt::format("port {0}:{1}: type '{0}' is unknown: use {2}", spec.type, spec.name, known));
}

}  // namespace

std::span<const PortType> PortTypes() { return kPortTypes; }

const PortType* FindPortType(std::string_view name) {
  const auto* const found =
      std::find_if(kPortTypes.begin(), kPortTypes.end(),
                   [&](const PortType& candidate) { return candidate.text.name == name; });
  return found == kPortTypes.end() ? nullptr : found;
}

InterfaceOrigin InterfaceOriginOf(const PortSpec& spec) {
  const PortType* const type = FindPortType(spec.type);
  return type == nullptr ? InterfaceOrigin::kNone : type->text.interface;
}

absl::Status CheckPort(const PortSpec& spec) {
  const PortType* const type = FindPortType(spec.type);
  return type == nullptr ? UnknownType(spec) : type->check(spec);
}

absl::StatusOr<std::vector<PortSpec>> ExpandPort(const PortSpec& spec) {
  const PortType* const type = FindPortType(spec.type);
  if (type == nullptr || type->expand == nullptr) return std::vector{spec};
  return type->expand(spec);
}

absl::StatusOr<PortQueues> MakePortQueues(const PortSpec& spec,
                                          std::span<const PortIdentity> identities,
                                          const PortSurroundings& surroundings) {
  const PortType* const type = FindPortType(spec.type);
  if (type == nullptr) return UnknownType(spec);
  if (!type->has_several_queues) identities = identities.first(1);
  return type->open(spec, identities, surroundings);
}

}  // namespace tapswitch
