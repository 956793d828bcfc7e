#include "switch/control/config/port_profile.h"

#include <algorithm>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/guard_settings.h"
#include "switch/control/config/port_settings.h"

namespace tapswitch {
namespace {

using nlohmann::json;

// The command that a setting is one of.
enum class Family : uint8_t { kLink, kStorm, kSecurity };

struct ProfileRow {
  Family family;
  std::string_view name;
  std::array<std::string_view, kPortProfileNames.size()> values;  // by PortProfile
  std::string_view why;
};

constexpr ProfileRow RowOf(Family family, std::string_view name, std::string_view none,
                           std::string_view vm, std::string_view uplink, std::string_view trunk,
                           std::string_view why) {
  return {.family = family, .name = name, .values = {none, vm, uplink, trunk}, .why = why};
}

// A BPDU from a guest means that the guest bridges, maybe two of its cards. A filter would drop it
// and leave the loop. BPDU guard shuts the port down instead, which ends the loop and concerns
// nobody but the guest. Either way no BPDU of a guest reaches another port, whatever group_fwd_mask
// says.
constexpr std::array kProfileRows{
    RowOf(Family::kLink, "admin_edge", "off", "on", "off", "off",
          "whether it forwards at once, as a station is behind it"),
    RowOf(Family::kLink, "auto_edge", "on", "on", "on", "off",
          "whether it is taken for an edge when no bridge answers for 3 s"),
    RowOf(Family::kLink, "guard", "off", "on", "off", "off",
          "a BPDU tells of a bridge, maybe of a loop: it shuts the port down for a while"),
    RowOf(Family::kLink, "bpdu_filter", "off", "off", "off", "off",
          "BPDUs that are dropped would leave a loop unseen"),
    RowOf(Family::kLink, "root_block", "off", "on", "off", "off",
          "what is behind it never becomes the root of the tree"),
    RowOf(Family::kLink, "restricted_tcn", "off", "on", "off", "off",
          "what is behind it has nobody forget addresses"),
    RowOf(Family::kLink, "loop_guard", "off", "off", "on", "on",
          "a bridge that falls silent is not taken for one that has gone"),
    RowOf(Family::kSecurity, "max_macs", "0", "32", "0", "0", "one station cannot fill the table"),
    RowOf(Family::kSecurity, "violation", "none", "drop", "none", "none",
          "frames of further addresses are dropped and counted"),
    RowOf(Family::kStorm, "broadcast", "off", "1000pps", "off", "off",
          "a storm stays where it comes from"),
    RowOf(Family::kStorm, "multicast", "off", "10000pps", "off", "off",
          "a storm stays where it comes from"),
    RowOf(Family::kStorm, "unknown", "off", "10000pps", "off", "off",
          "scans flood all other ports"),
};

bool IsNumber(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The value as the setting wants it in a request.
json ValueOf(std::string_view text) {
  if (text == "on" || text == "off") return text == "on";
  if (IsNumber(text)) return std::stoull(std::string(text));
  return std::string(text);
}

absl::Status SetRow(const ProfileRow& row, std::string_view text, PortSettings& settings) {
  switch (row.family) {
    case Family::kLink:
      return SetOneSetting(row.name, ValueOf(text), settings);
    case Family::kStorm:
      return SetStormSetting(row.name, std::string(text), settings.storm);
    case Family::kSecurity:
      return SetSecuritySetting(row.name, ValueOf(text), settings);
  }
  return absl::OkStatus();
}

std::string TextOfValue(const nlohmann::ordered_json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? "off" : value.dump();
}

// The value that the port has, as ValueOf reads it.
std::string ValueOfRow(const ProfileRow& row, const PortSettings& settings) {
  const std::string name(row.name);
  nlohmann::ordered_json shown;
  if (row.family == Family::kLink) {
    ShowPortSettings(settings, shown);
  } else if (row.family == Family::kSecurity) {
    ShowSecuritySettings(settings, shown);
  } else {
    const auto* const kind = std::find(kStormKindNames.begin(), kStormKindNames.end(), row.name);
    return RateText(settings.storm.rates[static_cast<size_t>(kind - kStormKindNames.begin())]);
  }
  return TextOfValue(shown[name]);
}

}  // namespace

void ApplyProfile(PortProfile profile, PortSettings& settings) {
  for (const ProfileRow& row : kProfileRows) {
    // A test sets each.
    static_cast<void>(SetRow(row, row.values[static_cast<size_t>(profile)], settings));
  }
  settings.profile = profile;
}

absl::Status SetProfile(const json& value, PortSettings& settings) {
  const auto* const found = std::find_if(kPortProfileNames.begin(), kPortProfileNames.end(),
                                         [&](std::string_view name) { return value == name; });
  if (found == kPortProfileNames.end()) {
    return absl::InvalidArgumentError(
        fmt::format("profile {:.100}: expected vm, uplink, trunk or none",
                    value.dump(-1, ' ', false, json::error_handler_t::replace)));
  }
  ApplyProfile(static_cast<PortProfile>(found - kPortProfileNames.begin()), settings);
  return absl::OkStatus();
}

PortSettings WithProfileOf(const PortSettings& settings, const PortSettings& from) {
  PortSettings with = from;
  if (settings.profile != from.profile) ApplyProfile(settings.profile, with);
  return with;
}

std::vector<ProfileSetting> ExplainProfile(const PortSettings& settings) {
  std::vector<ProfileSetting> all;
  all.reserve(kProfileRows.size());
  for (const ProfileRow& row : kProfileRows) {
    all.push_back({.name = row.name,
                   .value = ValueOfRow(row, settings),
                   .of_profile = std::string(row.values[static_cast<size_t>(settings.profile)]),
                   .why = row.why});
  }
  return all;
}

}  // namespace tapswitch
