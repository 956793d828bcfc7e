#include "switch/control/config/multicast_config.h"

#include <array>
#include <optional>
#include <variant>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"
#include "switch/control/config/ip_text.h"

namespace tapswitch {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

template <typename Settings, typename Number>
struct InRange {
  Number Settings::*field;
  Number least;
  Number most;
};

template <typename Settings>
using Field = std::variant<bool Settings::*, Ticks Settings::*, InRange<Settings, uint8_t>,
                           InRange<Settings, uint32_t>>;

template <typename Settings>
struct NamedField {
  std::string_view name;
  Field<Settings> field;
};

using OfVlan = NamedField<VlanMulticast>;
using OfBridge = NamedField<MulticastSettings>;

constexpr uint32_t kMostQueries = 255;

constexpr std::array kVlanFields{
    OfVlan{"mcast_snooping", &VlanMulticast::snooping},
    OfVlan{"mcast_querier", &VlanMulticast::querier},
    OfVlan{"mcast_igmp_version",
           InRange<VlanMulticast, uint8_t>{&VlanMulticast::igmp_version, 2, 3}},
    OfVlan{"mcast_mld_version", InRange<VlanMulticast, uint8_t>{&VlanMulticast::mld_version, 1, 2}},
    OfVlan{"mcast_last_member_count",
           InRange<VlanMulticast, uint32_t>{&VlanMulticast::last_member_count, 0, kMostQueries}},
    OfVlan{"mcast_last_member_interval", &VlanMulticast::last_member_interval},
    OfVlan{"mcast_startup_query_count",
           InRange<VlanMulticast, uint32_t>{&VlanMulticast::startup_query_count, 0, kMostQueries}},
    OfVlan{"mcast_startup_query_interval", &VlanMulticast::startup_query_interval},
    OfVlan{"mcast_membership_interval", &VlanMulticast::membership_interval},
    OfVlan{"mcast_querier_interval", &VlanMulticast::querier_interval},
    OfVlan{"mcast_query_interval", &VlanMulticast::query_interval},
    OfVlan{"mcast_query_response_interval", &VlanMulticast::query_response_interval},
};

// Those of the bridge alone; others are those of a VLAN, and hold for all.
constexpr std::array kBridgeFields{
    OfBridge{"mcast_snooping", &MulticastSettings::snooping},
    OfBridge{"mcast_vlan_snooping", &MulticastSettings::vlan_snooping},
    OfBridge{"mcast_router", InRange<MulticastSettings, uint8_t>{&MulticastSettings::router, 0, 2}},
    OfBridge{"mcast_query_use_ifaddr", &MulticastSettings::query_use_ifaddr},
    OfBridge{"mcast_stats_enabled", &MulticastSettings::stats_enabled},
    OfBridge{"mcast_hash_max", InRange<MulticastSettings, uint32_t>{&MulticastSettings::hash_max, 1,
                                                                    MulticastTable::kMostGroups}},
};
constexpr std::string_view kUnregistered = "mcast_unregistered";
constexpr std::string_view kQuerierAddress = "mcast_querier_address";
constexpr size_t kOwnTexts = 2;

// The first is that of the bridge.
constexpr size_t kSharedFields = kVlanFields.size() - 1;

constexpr auto kVlanNames = [] {
  std::array<std::string_view, kVlanFields.size()> names{};
  for (size_t i = 0; i < names.size(); ++i) names[i] = kVlanFields[i].name;
  return names;
}();

constexpr auto kBridgeNames = [] {
  std::array<std::string_view, kBridgeFields.size() + kOwnTexts + kSharedFields> names{};
  size_t at = 0;
  for (const auto& field : kBridgeFields) names[at++] = field.name;
  names[at++] = kUnregistered;
  names[at++] = kQuerierAddress;
  for (size_t i = 1; i < kVlanFields.size(); ++i) names[at++] = kVlanFields[i].name;
  return names;
}();

std::string Dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::Status NotSuch(std::string_view name, const json& value, std::string_view cure) {
  return absl::InvalidArgumentError(fmt::format("{} {:.100}: {}", name, Dumped(value), cure));
}

// A number without a unit is one of hundredths of a second, as with ip-link(8).
absl::StatusOr<Ticks> ReadInterval(std::string_view name, const json& value) {
  constexpr uint64_t kLongest = 1'000'000'000;
  if (value.is_number_unsigned() && value.get<uint64_t>() <= kLongest) {
    return Ticks{value.get<uint64_t>()};
  }
  if (!value.is_string()) return NotSuch(name, value, "expected a duration, such as 125s");
  const auto& text = value.get_ref<const std::string&>();
  const bool is_number = !text.empty() && text.size() < 10 &&
                         text.find_first_not_of("0123456789") == std::string::npos;
  if (is_number) return Ticks{std::stoull(text)};
  auto span = ParseDuration(text);
  if (span.ok()) return span;
  return absl::InvalidArgumentError(
      fmt::format("{} {}", name, std::string(span.status().message())));
}

template <typename Settings>
struct FieldSetter {
  std::string_view name;
  const json& value;
  Settings& settings;

  absl::Status operator()(bool Settings::*field) const {
    if (!value.is_boolean()) return NotSuch(name, value, "expected on or off");
    settings.*field = value.get<bool>();
    return absl::OkStatus();
  }
  absl::Status operator()(Ticks Settings::*field) const {
    const auto span = ReadInterval(name, value);
    if (!span.ok()) return span.status();
    settings.*field = *span;
    return absl::OkStatus();
  }
  template <typename Number>
  absl::Status operator()(const InRange<Settings, Number>& range) const {
    const bool fits = value.is_number_unsigned() && value.get<uint64_t>() >= range.least &&
                      value.get<uint64_t>() <= range.most;
    if (!fits) {
      return NotSuch(name, value,
                     fmt::format("expected a number from {} to {}", range.least, range.most));
    }
    settings.*range.field = static_cast<Number>(value.get<uint64_t>());
    return absl::OkStatus();
  }
};

// Returns a setting as it stands in JSON, and as a word.
template <typename Settings>
struct FieldGetter {
  const Settings& settings;

  ordered_json operator()(bool Settings::*field) const { return settings.*field ? 1 : 0; }
  ordered_json operator()(Ticks Settings::*field) const { return (settings.*field).centiseconds; }
  template <typename Number>
  ordered_json operator()(const InRange<Settings, Number>& range) const {
    return settings.*range.field;
  }
};

template <typename Settings>
struct FieldWord {
  const Settings& settings;

  std::string operator()(bool Settings::*field) const { return settings.*field ? "on" : "off"; }
  std::string operator()(Ticks Settings::*field) const { return DurationText(settings.*field); }
  template <typename Number>
  std::string operator()(const InRange<Settings, Number>& range) const {
    return std::to_string(settings.*range.field);
  }
};

template <typename Settings>
std::string FieldWordsOf(std::span<const NamedField<Settings>> fields, const Settings& settings,
                         const Settings& from) {
  std::string words;
  for (const auto& field : fields) {
    const std::string word = std::visit(FieldWord<Settings>{settings}, field.field);
    if (word == std::visit(FieldWord<Settings>{from}, field.field)) continue;
    words += fmt::format(" {} {}", field.name, word);
  }
  return words;
}

std::span<const OfVlan> SharedFields() { return std::span(kVlanFields).subspan(1); }

absl::Status SetUnregistered(const json& value, MulticastSettings& settings) {
  if (value != "flood" && value != "routers") {
    return NotSuch(kUnregistered, value, "expected flood or routers");
  }
  settings.floods_unregistered = value == "flood";
  return absl::OkStatus();
}

absl::Status SetQuerierAddress(const json& value, MulticastSettings& settings) {
  if (!value.is_string())
    return NotSuch(kQuerierAddress, value, "expected an IPv4 address or none");
  if (value == "none") {
    settings.querier_address = {};
    return absl::OkStatus();
  }
  const auto address = ParseIpAddress(kQuerierAddress, value.get_ref<const std::string&>());
  if (!address.ok()) return address.status();
  if (!address->is_v4() || !address->is_station()) {
    return NotSuch(kQuerierAddress, value, "expected the IPv4 address of a station");
  }
  settings.querier_address = *address;
  return absl::OkStatus();
}

std::string QuerierAddressText(const MulticastSettings& settings) {
  return settings.querier_address == IpAddress() ? "none" : IpAddressText(settings.querier_address);
}

}  // namespace

std::span<const std::string_view> MulticastNames() { return kBridgeNames; }
std::span<const std::string_view> VlanMulticastNames() { return kVlanNames; }

absl::Status SetVlanMulticast(std::string_view name, const json& value, VlanMulticast& settings) {
  for (const auto& field : kVlanFields) {
    if (field.name != name) continue;
    return std::visit(FieldSetter<VlanMulticast>{name, value, settings}, field.field);
  }
  return absl::InvalidArgumentError(fmt::format("'{:.100}' is no setting of a VLAN", name));
}

absl::Status SetMulticast(std::string_view name, const json& value, MulticastSettings& settings) {
  if (name == kUnregistered) return SetUnregistered(value, settings);
  if (name == kQuerierAddress) return SetQuerierAddress(value, settings);
  for (const auto& field : kBridgeFields) {
    if (field.name != name) continue;
    return std::visit(FieldSetter<MulticastSettings>{name, value, settings}, field.field);
  }
  return SetVlanMulticast(name, value, settings.bridge);
}

absl::Status CheckMulticast(const MulticastSettings& settings, bool vlan_filtering) {
  if (settings.vlan_snooping && !vlan_filtering) {
    return absl::FailedPreconditionError(
        "mcast_vlan_snooping on: VLANs are not filtered: add vlan_filtering on");
  }
  if (settings.query_use_ifaddr && settings.querier_address == IpAddress()) {
    return absl::FailedPreconditionError(
        "mcast_query_use_ifaddr on: the bridge has no address of its own: add "
        "mcast_querier_address ADDRESS");
  }
  return absl::OkStatus();
}

void ShowVlanMulticast(const VlanMulticast& settings, ordered_json& vlan) {
  for (const auto& field : kVlanFields) {
    vlan[std::string(field.name)] = std::visit(FieldGetter<VlanMulticast>{settings}, field.field);
  }
}

void ShowMulticast(const MulticastSettings& settings, ordered_json& bridge) {
  for (const auto& field : kBridgeFields) {
    bridge[std::string(field.name)] =
        std::visit(FieldGetter<MulticastSettings>{settings}, field.field);
  }
  bridge[std::string(kUnregistered)] = settings.floods_unregistered ? "flood" : "routers";
  bridge[std::string(kQuerierAddress)] = QuerierAddressText(settings);
  for (const auto& field : SharedFields()) {
    bridge[std::string(field.name)] =
        std::visit(FieldGetter<VlanMulticast>{settings.bridge}, field.field);
  }
}

std::string VlanMulticastAsWords(const VlanMulticast& settings, const VlanMulticast& from) {
  return FieldWordsOf<VlanMulticast>(kVlanFields, settings, from);
}

std::string MulticastAsWords(const MulticastSettings& settings, const MulticastSettings& from) {
  std::string words;
  const std::string address = QuerierAddressText(settings);
  if (address != QuerierAddressText(from)) words += fmt::format(" {} {}", kQuerierAddress, address);
  words += FieldWordsOf<MulticastSettings>(kBridgeFields, settings, from);
  if (settings.floods_unregistered != from.floods_unregistered) {
    words +=
        fmt::format(" {} {}", kUnregistered, settings.floods_unregistered ? "flood" : "routers");
  }
  return words + FieldWordsOf<VlanMulticast>(SharedFields(), settings.bridge, from.bridge);
}

}  // namespace tapswitch
