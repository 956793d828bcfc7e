#include "switch/control/config/port_settings.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <variant>

#include "spdlog/fmt/fmt.h"
#include "switch/protocol/stp/settings.h"

namespace tapswitch {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// A flag of bridge(8) that is always off here.
struct Never {
  std::string_view missing;  // what it needs
};

struct Number16 {
  uint16_t PortSettings::*field;
  uint16_t most;
};

struct TreePriority {};
struct TreeCost {};
struct TreeLink {};

// Shown in hexadecimal.
struct Mask {
  uint16_t PortSettings::*field;
};

struct Setting {
  std::string_view name;
  std::variant<PortState PortSettings::*, bool PortSettings::*, uint32_t PortSettings::*,
               bool SpanningTreePort::*, TreePriority, TreeCost, TreeLink, Number16, Mask, Never>
      field;
};

// In the order in which bridge(8) shows them.
constexpr std::array kSettings{
    Setting{"state", &PortSettings::state},
    Setting{"priority", TreePriority{}},
    Setting{"cost", TreeCost{}},
    Setting{"hairpin", &PortSettings::hairpin},
    Setting{"guard", &SpanningTreePort::guard},
    Setting{"root_block", &SpanningTreePort::root_block},
    Setting{"fastleave", &PortSettings::fastleave},
    Setting{"learning", &PortSettings::learning},
    Setting{"flood", &PortSettings::flood},
    Setting{"mcast_flood", &PortSettings::mcast_flood},
    Setting{"bcast_flood", &PortSettings::bcast_flood},
    Setting{"mcast_router", Number16{&PortSettings::mcast_router, 3}},
    Setting{"mcast_to_unicast", &PortSettings::mcast_to_unicast},
    Setting{"neigh_suppress", &PortSettings::neigh_suppress},
    Setting{"vlan_tunnel", Never{"tunnels"}},
    Setting{"isolated", &PortSettings::isolated},
    Setting{"locked", &PortSettings::locked},
    Setting{"mab", &PortSettings::mab},
    Setting{"mcast_max_groups", &PortSettings::mcast_max_groups},
    Setting{"fdb_max_learned", &PortSettings::fdb_max_learned},
    Setting{"group_fwd_mask", Mask{&PortSettings::group_fwd_mask}},
    Setting{"loop_detection", &PortSettings::loop_detection},
    Setting{"gro", &PortSettings::gro},
    Setting{"kernel_forwarding", &PortSettings::kernel_forwarding},
    Setting{"bpdu_filter", &SpanningTreePort::bpdu_filter},
    Setting{"loop_guard", &SpanningTreePort::loop_guard},
    Setting{"admin_edge", &SpanningTreePort::admin_edge},
    Setting{"auto_edge", &SpanningTreePort::auto_edge},
    Setting{"restricted_tcn", &SpanningTreePort::restricted_tcn},
    Setting{"p2p", TreeLink{}},
};

// Returns null if there is none.
const Setting* FindSetting(std::string_view name) {
  const auto* const setting =
      std::find_if(kSettings.begin(), kSettings.end(),
                   [&](const Setting& candidate) { return candidate.name == name; });
  return setting == kSettings.end() ? nullptr : setting;
}

absl::Status Bad(std::string_view name, const json& value, std::string_view cure) {
  return absl::InvalidArgumentError(fmt::format(
      "{} {}: {}", name, value.dump(-1, ' ', false, json::error_handler_t::replace), cure));
}

absl::Status SetNumber(std::string_view name, const json& value, uint64_t least, uint64_t most,
                       auto& target) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number >= least && number <= most) {
      target = static_cast<std::remove_reference_t<decltype(target)>>(number);
      return absl::OkStatus();
    }
  }
  return Bad(name, value, fmt::format("expected a number from {} to {}", least, most));
}

absl::Status SetState(std::string_view name, const json& value, PortState& state) {
  uint64_t number = kPortStateNames.size();
  if (value.is_number_unsigned()) {
    number = value.get<uint64_t>();
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto* const found = std::find(kPortStateNames.begin(), kPortStateNames.end(), text);
    number = static_cast<uint64_t>(found - kPortStateNames.begin());
  }
  if (number >= kPortStateNames.size()) {
    return Bad(name, value,
               "expected disabled, listening, learning, forwarding, blocking or 0 to 4");
  }
  state = static_cast<PortState>(number);
  return absl::OkStatus();
}

absl::Status SetFlag(std::string_view name, const json& value, bool& flag) {
  if (!value.is_boolean()) return Bad(name, value, "expected on or off");
  flag = value.get<bool>();
  return absl::OkStatus();
}

constexpr std::array<std::string_view, 3> kTreeLinks{"auto", "on", "off"};

absl::Status SetCost(std::string_view name, const json& value, uint32_t& cost) {
  if (value != "auto") return SetNumber(name, value, 1, stp::kMostPathCost, cost);
  cost = 0;
  return absl::OkStatus();
}

absl::Status SetTreeLink(std::string_view name, const json& value,
                         SpanningTreePort::PointToPoint& p2p) {
  const json text = value.is_boolean() ? json(value.get<bool>() ? "on" : "off") : value;
  const auto* const found = std::find_if(kTreeLinks.begin(), kTreeLinks.end(),
                                         [&](std::string_view one) { return text == one; });
  if (found == kTreeLinks.end()) return Bad(name, value, "expected auto, on or off");
  p2p = static_cast<SpanningTreePort::PointToPoint>(found - kTreeLinks.begin());
  return absl::OkStatus();
}

// What to do for each kind of setting.
struct Setter {
  std::string_view name;
  const json& value;
  PortSettings& settings;

  absl::Status operator()(PortState PortSettings::*field) const {
    return SetState(name, value, settings.*field);
  }
  absl::Status operator()(bool PortSettings::*field) const {
    return SetFlag(name, value, settings.*field);
  }
  absl::Status operator()(uint32_t PortSettings::*field) const {
    return SetNumber(name, value, 0, std::numeric_limits<uint32_t>::max(), settings.*field);
  }
  absl::Status operator()(bool SpanningTreePort::*field) const {
    return SetFlag(name, value, settings.tree.*field);
  }
  absl::Status operator()(const TreePriority& /*kind*/) const {
    return SetNumber(name, value, 0, 63, settings.tree.priority);
  }
  absl::Status operator()(const TreeCost& /*kind*/) const {
    return SetCost(name, value, settings.tree.cost);
  }
  absl::Status operator()(const TreeLink& /*kind*/) const {
    return SetTreeLink(name, value, settings.tree.p2p);
  }
  absl::Status operator()(const Number16& number) const {
    return SetNumber(name, value, 0, number.most, settings.*number.field);
  }
  absl::Status operator()(const Mask& mask) const {
    return SetNumber(name, value, 0, 0xFFFF, settings.*mask.field);
  }
  absl::Status operator()(const Never& never) const {
    bool wanted = false;
    if (absl::Status flag = SetFlag(name, value, wanted); !flag.ok()) return flag;
    if (!wanted) return absl::OkStatus();
    return absl::FailedPreconditionError(
        fmt::format("{} on: it needs {}, which this version does not have", name, never.missing));
  }
};

struct Getter {
  const PortSettings& settings;

  ordered_json operator()(PortState PortSettings::*field) const { return NameOf(settings.*field); }
  ordered_json operator()(bool SpanningTreePort::*field) const { return settings.tree.*field; }
  ordered_json operator()(const TreePriority& /*kind*/) const { return settings.tree.priority; }
  ordered_json operator()(const TreeCost& /*kind*/) const {
    return settings.tree.cost == 0 ? ordered_json("auto") : ordered_json(settings.tree.cost);
  }
  ordered_json operator()(const TreeLink& /*kind*/) const {
    return kTreeLinks[static_cast<size_t>(settings.tree.p2p)];
  }
  ordered_json operator()(const Number16& number) const { return settings.*number.field; }
  ordered_json operator()(const Mask& mask) const { return MaskText(settings.*mask.field); }
  ordered_json operator()(const Never& /*never*/) const { return false; }
  ordered_json operator()(auto PortSettings::*field) const { return settings.*field; }
};

}  // namespace

std::string MaskText(uint16_t mask) { return mask == 0 ? "0" : fmt::format("{:#x}", mask); }

PortForwarding ForwardingOf(PortId id, const PortSettings& settings) {
  SpanningTreePort tree = settings.tree;
  tree.recovery = settings.security.recovery;
  return {.id = id,
          .state = settings.state,
          .learning = settings.learning,
          .flood = settings.flood,
          .mcast_flood = settings.mcast_flood,
          .bcast_flood = settings.bcast_flood,
          .isolated = settings.isolated,
          .is_tunnel = settings.is_tunnel,
          .hairpin = settings.hairpin,
          .locked = settings.locked,
          .mab = settings.mab,
          .loop_detection = settings.loop_detection,
          .neigh_suppress = settings.neigh_suppress,
          .gro = settings.gro,
          .kernel_forwarding = settings.kernel_forwarding,
          .impaired_ingress = settings.impairments[0].is_on(),
          .impaired_egress = settings.impairments[1].is_on(),
          .group_fwd_mask = settings.group_fwd_mask,
          .vlans = settings.vlans,
          .storm = settings.storm,
          .security = settings.security,
          .tree = tree,
          .multicast = {.fast_leave = settings.fastleave,
                        .to_unicast = settings.mcast_to_unicast,
                        .router = static_cast<uint8_t>(settings.mcast_router),
                        .max_groups = settings.mcast_max_groups}};
}

// As net/bridge/br_netlink.c, br_setport, has it.
absl::Status CheckPortSettings(const PortSettings& settings) {
  if (!settings.mab || (settings.locked && settings.learning)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "mab on: the port has to be locked and learning: add locked on learning on, or turn mab off");
}

bool IsPortSetting(std::string_view name) {
  return name == kProfileWord || FindSetting(name) != nullptr;
}

absl::Status SetOneSetting(std::string_view name, const json& value, PortSettings& settings) {
  const Setting* const setting = FindSetting(name);
  if (setting == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("'{:.100}' is no setting of a port: see tapctl help link set", name));
  }
  return std::visit(Setter{name, value, settings}, setting->field);
}

absl::Status SetPortSetting(std::string_view name, const json& value, PortSettings& settings) {
  return name == kProfileWord ? SetProfile(value, settings) : SetOneSetting(name, value, settings);
}

void ShowPortSettings(const PortSettings& settings, ordered_json& link) {
  for (const Setting& setting : kSettings) {
    link[std::string(setting.name)] = std::visit(Getter{settings}, setting.field);
    // Linux shows this cost for a link whose speed is not known (net/bridge/br_if.c, port_cost).
    // ShowPort puts the cost that counts in its place if there is a spanning tree.
    if (setting.name == "cost" && settings.tree.cost == 0) link["cost"] = 100;
  }
  if (settings.profile != PortProfile::kNone) link["profile"] = NameOf(settings.profile);
}

std::string PortSettingsAsWords(const PortSettings& settings, const PortSettings& from) {
  std::string words;
  if (settings.profile != from.profile)
    words = fmt::format(" profile {}", NameOf(settings.profile));
  const PortSettings base = WithProfileOf(settings, from);
  for (const Setting& setting : kSettings) {
    const auto value = std::visit(Getter{settings}, setting.field);
    if (value == std::visit(Getter{base}, setting.field)) continue;
    words += fmt::format(" {} ", setting.name);
    if (value.is_boolean()) {
      words += value.get<bool>() ? "on" : "off";
    } else {
      words += value.is_string() ? value.get<std::string>() : value.dump();
    }
  }
  return words;
}

}  // namespace tapswitch
