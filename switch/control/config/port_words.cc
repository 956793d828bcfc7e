#include "switch/control/config/port_words.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ports/os/text.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/quoting.h"
#include "switch/control/config/guard_settings.h"
#include "switch/control/config/vlan_edit.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr size_t kLongestDescription = 255;  // bytes
constexpr const char* kNone = "none";

absl::Status BadValue(std::string_view name, const json& value, std::string_view cure) {
  const std::string shown = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return absl::InvalidArgumentError(fmt::format("{} {:.100}: {}", name, shown, cure));
}

absl::Status SetDescription(std::string_view name, const json& value, PortSettings& settings) {
  if (!value.is_string()) return BadValue(name, value, "expected a text");
  const auto& text = value.get_ref<const std::string&>();
  if (absl::Status checked = CheckDescription(text); !checked.ok()) return checked;
  settings.description = text;
  return absl::OkStatus();
}

// ----- VLANs -------------------------------------------------------------------------------------

absl::StatusOr<bool> FlagOf(const json& group, const char* name) {
  const auto flag = group.find(name);
  if (flag == group.end()) return false;
  if (flag->is_boolean()) return flag->get<bool>();
  return BadValue(name, *flag, "expected true or false");
}

absl::Status AddGroup(const json& group, PortVlans& vlans) {
  const auto vid = group.find("vid");
  if (vid == group.end() || !(vid->is_string() || vid->is_number_unsigned())) {
    return BadValue("vlan", group, R"(expected vid, as in {"vid": "10,20,30-40"})");
  }
  const auto pvid = FlagOf(group, "pvid");
  if (!pvid.ok()) return pvid.status();
  const auto untagged = FlagOf(group, "untagged");
  if (!untagged.ok()) return untagged.status();
  const size_t known = 1 + group.count("pvid") + group.count("untagged");
  if (group.size() != known) return BadValue("vlan", group, "expected vid, pvid and untagged only");
  if (*vid == kNone && group.size() == 1) return absl::OkStatus();
  const auto list = ParseVlanList(vid->is_string() ? vid->get<std::string>() : vid->dump());
  if (!list.ok()) return list.status();
  if (*pvid && vlans.pvid != kNoVlan) {
    return absl::InvalidArgumentError(
        fmt::format("vlan {}: a port has one PVID, and VLAN {} is it: say pvid once",
                    RangeText(list->front()), vlans.pvid.value));
  }
  return AddVlanList(*list, *pvid, *untagged, vlans);
}

absl::Status SetVlans(std::string_view name, const json& value, PortSettings& settings) {
  if (!value.is_array()) return BadValue(name, value, "expected an array of {\"vid\": ...}");
  PortVlans vlans;
  for (const json& group : value) {
    if (!group.is_object()) return BadValue(name, group, "expected an object, {\"vid\": ...}");
    if (absl::Status added = AddGroup(group, vlans); !added.ok()) return added;
  }
  vlans.exceptions = settings.vlans.exceptions;
  TidyExceptions(vlans);
  settings.vlans = std::move(vlans);
  return absl::OkStatus();
}

PortVlans MembershipOf(PortVlans vlans) {
  vlans.exceptions.clear();
  return vlans;
}

std::string ListText(const VlanSet& members) {
  std::string text;
  for (const VlanRange range : RangesOf({.members = members})) {
    text += (text.empty() ? "" : ",") + RangeText(range);
  }
  return text;
}

// The PVID by itself, then the other untagged ones, then the tagged ones.
std::string VlanWordsOf(const PortVlans& vlans) {
  if (vlans.members.empty()) return fmt::format(" vlan {}", kNone);
  VlanSet pvid;
  if (vlans.pvid != kNoVlan) pvid.insert(vlans.pvid);
  const VlanSet untagged = vlans.untagged - pvid;
  const VlanSet tagged = vlans.members - pvid - untagged;
  std::string words;
  if (!pvid.empty()) {
    words += fmt::format(" vlan {} pvid{}", vlans.pvid.value,
                         vlans.untagged.contains(vlans.pvid) ? " untagged" : "");
  }
  if (!untagged.empty()) words += fmt::format(" vlan {} untagged", ListText(untagged));
  if (!tagged.empty()) words += fmt::format(" vlan {}", ListText(tagged));
  return words;
}

// ----- guards ------------------------------------------------------------------------------------

absl::Status SetAllowed(std::string_view name, const json& value, PortSettings& settings) {
  if (!value.is_array()) return BadValue(name, value, "expected an array of \"MAC[,IP]...\"");
  AllowListPointer list;
  for (const json& one : value) {
    if (!one.is_string()) return BadValue(name, one, "expected \"MAC[,IP]...\"");
    const auto station = ParseAllowedStation(one.get_ref<const std::string&>());
    if (!station.ok()) return station.status();
    auto longer = WithStation(list, *station);
    if (!longer.ok()) return longer.status();
    list = *std::move(longer);
  }
  settings.security.allowed = std::move(list);
  return absl::OkStatus();
}

absl::Status SetStorm(std::string_view name, const json& value, PortSettings& settings) {
  return SetStormSetting(name, value, settings.storm);
}

absl::Status SetRecovery(std::string_view name, const json& value, PortSettings& settings) {
  if (absl::Status set = SetStorm(name, value, settings); !set.ok()) return set;
  return SetSecuritySetting(name, value, settings);
}

struct PortWord {
  std::string_view name;
  absl::Status (*set)(std::string_view name, const json& value, PortSettings& settings);
};

// Words that are not listed here are settings of the link.
constexpr std::array kPortWords{
    PortWord{"description", SetDescription},
    PortWord{"vlan", SetVlans},
    PortWord{"allow", SetAllowed},
    PortWord{"recovery", SetRecovery},
    PortWord{"broadcast", SetStorm},
    PortWord{"multicast", SetStorm},
    PortWord{"unknown", SetStorm},
    PortWord{"burst", SetStorm},
    PortWord{"action", SetStorm},
    PortWord{"max_macs", SetSecuritySetting},
    PortWord{"violation", SetSecuritySetting},
    PortWord{"moves", SetSecuritySetting},
    PortWord{"move_action", SetSecuritySetting},
};

}  // namespace

absl::Status CheckDescription(std::string_view text) {
  if (text.size() > kLongestDescription) {
    return absl::InvalidArgumentError(
        fmt::format("description '{:.20}...': expected up to {} bytes, it has {}", text,
                    kLongestDescription, text.size()));
  }
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = CharacterLength(rest);
    if (length == 0 || IsControlCharacter(rest.substr(0, length))) {
      return absl::InvalidArgumentError(fmt::format(
          "description '{}': expected text without control characters, in UTF-8", Escaped(text)));
    }
    rest.remove_prefix(length);
  }
  return absl::OkStatus();
}

std::string PortWordsOf(const PortSettings& settings, const PortVlans& initial) {
  std::string words;
  if (!settings.description.empty()) words += " description " + Quoted(settings.description);
  if (MembershipOf(settings.vlans) != MembershipOf(initial)) words += VlanWordsOf(settings.vlans);
  const PortSettings base = WithProfileOf(settings, {});
  words += PortSettingsAsWords(settings) + StormSettingsAsWords(settings.storm, base.storm);
  PortSettings security = settings;
  security.security.recovery = PortSecurity{}.recovery;  // it is among the words of the storm
  words += SecuritySettingsAsWords(security, base);
  if (settings.security.allowed == nullptr) return words;
  for (const AllowedStation& station : settings.security.allowed->stations()) {
    words += " allow " + AllowedStationText(station);
  }
  return words;
}

absl::Status SetPortWord(std::string_view name, const json& value, PortSettings& settings) {
  const auto* const word = std::find_if(kPortWords.begin(), kPortWords.end(),
                                        [&](const PortWord& one) { return one.name == name; });
  if (word != kPortWords.end()) return word->set(name, value, settings);
  if (IsPortSetting(name)) return SetPortSetting(name, value, settings);
  return absl::InvalidArgumentError(
      fmt::format("'{:.100}' is no setting of a port: see tapctl help port set", name));
}

absl::Status SetPortWords(const json& words, PortSettings& settings) {
  PortSettings wanted = settings;
  if (const auto profile = words.find(kProfileWord); profile != words.end()) {
    if (absl::Status set = SetProfile(*profile, wanted); !set.ok()) return set;
  }
  for (const auto& [name, value] : words.items()) {
    if (name == kProfileWord) continue;
    if (absl::Status set = SetPortWord(name, value, wanted); !set.ok()) return set;
  }
  if (absl::Status fits = CheckPortSettings(wanted); !fits.ok()) return fits;
  settings = std::move(wanted);
  return absl::OkStatus();
}

}  // namespace tapswitch
