#include "switch/control/adopt/adoption_record.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "ports/os/control_folders.h"
#include "ports/os/files/file_place.h"
#include "ports/os/files/plain_file.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::string_view kSuffix = ".adopted";
constexpr std::array<std::string_view, 3> kStates{"learned", "static", "permanent"};

// Another one after each start of the machine.
std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

json VlansToJson(const std::vector<LinuxBridgeVlan>& vlans) {
  json list = json::array();
  for (const LinuxBridgeVlan& vlan : vlans) {
    list.push_back({{"vlan", vlan.vid}, {"pvid", vlan.pvid}, {"untagged", vlan.untagged}});
  }
  return list;
}

std::vector<LinuxBridgeVlan> VlansFrom(const json& list) {
  std::vector<LinuxBridgeVlan> vlans;
  for (const json& vlan : list) {
    vlans.push_back({.vid = vlan.at("vlan").get<uint16_t>(),
                     .pvid = vlan.at("pvid").get<bool>(),
                     .untagged = vlan.at("untagged").get<bool>()});
  }
  return vlans;
}

MacAddress AddressFrom(const json& text) {
  const auto address = MacAddress::Parse(text.get<std::string>());
  if (!address) throw std::invalid_argument("no MAC address: " + text.get<std::string>());
  return *address;
}

json PortToJson(const LinuxBridgePort& port) {
  return {
      {"ifname", port.name},     {"ifindex", port.ifindex},   {"address", port.address.ToString()},
      {"carrier", port.carrier}, {"settings", port.settings}, {"vlans", VlansToJson(port.vlans)}};
}

LinuxBridgePort PortFrom(const json& port) {
  return {.name = port.at("ifname").get<std::string>(),
          .ifindex = port.at("ifindex").get<int>(),
          .address = AddressFrom(port.at("address")),
          .carrier = port.at("carrier").get<bool>(),
          .settings = port.at("settings").get<LinuxBridgeSettings>(),
          .vlans = VlansFrom(port.at("vlans"))};
}

json EntryToJson(const LinuxBridgeEntry& entry) {
  return {{"mac", entry.address.ToString()},
          {"ifname", entry.port},
          {"vlan", entry.vlan},
          {"state", kStates[static_cast<size_t>(entry.state)]},
          {"sticky", entry.sticky},
          {"extern_learn", entry.extern_learn}};
}

LinuxBridgeEntry EntryFrom(const json& entry) {
  const auto state = entry.at("state").get<std::string>();
  LinuxEntryState known = LinuxEntryState::kLearned;
  if (state == kStates[1]) known = LinuxEntryState::kStatic;
  if (state == kStates[2]) known = LinuxEntryState::kPermanent;
  return {.address = AddressFrom(entry.at("mac")),
          .port = entry.at("ifname").get<std::string>(),
          .vlan = entry.at("vlan").get<uint16_t>(),
          .state = known,
          .sticky = entry.at("sticky").get<bool>(),
          .extern_learn = entry.at("extern_learn").get<bool>()};
}

json GroupsToJson(const std::vector<LinuxBridgeGroup>& groups) {
  json list = json::array();
  for (const LinuxBridgeGroup& group : groups) {
    list.push_back({{"ifname", group.port}, {"entry", group.entry}});
  }
  return list;
}

json ToJson(const AdoptionRecord& record) {
  const LinuxBridge& bridge = record.bridge;
  json ports = json::array();
  for (const LinuxBridgePort& port : bridge.ports) ports.push_back(PortToJson(port));
  json entries = json::array();
  for (const LinuxBridgeEntry& entry : bridge.entries) entries.push_back(EntryToJson(entry));
  return {{"version", kVersion},
          {"boot_id", BootId()},
          {"netns", record.netns.inode},
          {"uplink", record.uplink},
          {"ifname", bridge.name},
          {"ifindex", bridge.ifindex},
          {"address", bridge.address.ToString()},
          {"mtu", bridge.mtu},
          {"settings", bridge.settings},
          {"vlans", VlansToJson(bridge.vlans)},
          {"ports", std::move(ports)},
          {"groups", GroupsToJson(bridge.groups)},
          {"entries", std::move(entries)}};
}

AdoptionRecord FromJson(const json& text) {
  AdoptionRecord record{.bridge = {.name = text.at("ifname").get<std::string>(),
                                   .ifindex = text.at("ifindex").get<int>(),
                                   .address = AddressFrom(text.at("address")),
                                   .mtu = text.at("mtu").get<uint32_t>(),
                                   .settings = text.at("settings").get<LinuxBridgeSettings>(),
                                   .vlans = VlansFrom(text.at("vlans")),
                                   .ports = {},
                                   .entries = {}},
                        .uplink = text.at("uplink").get<std::string>(),
                        .netns = {text.at("netns").get<uint64_t>()}};
  for (const json& group : text.at("groups")) {
    record.bridge.groups.push_back(
        {group.at("ifname").get<std::string>(), group.at("entry").get<std::string>()});
  }
  for (const json& port : text.at("ports")) record.bridge.ports.push_back(PortFrom(port));
  for (const json& entry : text.at("entries")) record.bridge.entries.push_back(EntryFrom(entry));
  return record;
}

absl::StatusOr<AdoptionRecord> FromText(const std::string& file, const std::string& text) {
  try {
    const json read = json::parse(text);
    if (read.at("version").get<int>() != kVersion) {
      return absl::FailedPreconditionError(
          fmt::format("{}: it is of another version of tapswitch", file));
    }
    if (read.at("boot_id").get<std::string>() != BootId()) {
      return absl::NotFoundError(
          fmt::format("no bridge is taken over ({} is from before the machine was started)", file));
    }
    return FromJson(read);
  } catch (const std::exception& error) {
    return absl::DataLossError(fmt::format(
        "{} makes no sense ({}): put the ports back by hand: ip link set dev PORT master BRIDGE",
        file, error.what()));
  }
}

}  // namespace

std::string AdoptionFile(const std::string& control_socket) {
  return control_socket + std::string(kSuffix);
}

std::string SocketOfAdoption(const std::string& file) {
  return file.substr(0, file.size() - kSuffix.size());
}

std::vector<std::string> FindAdoptionFiles() {
  std::vector<std::string> files;
  for (const std::string& folder : ControlFolders()) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      const std::string path = entry.path().string();
      if (path.ends_with(kSuffix)) files.push_back(path);
    }
  }
  return files;
}

absl::Status WriteAdoption(const std::string& file, const AdoptionRecord& record) {
  const auto place = FilePlace::Open(file);
  const absl::Status written =
      place.ok() ? place->Replace(ToJson(record).dump(1) + "\n") : place.status();
  if (written.ok()) return written;
  return {written.code(), fmt::format("{}: what is taken over has to be written there first: {}",
                                      file, std::string(written.message()))};
}

absl::StatusOr<AdoptionRecord> ReadAdoption(const std::string& file) {
  const auto place = FilePlace::Open(file);
  const auto text = place.ok() ? place->ReadOwn(kLongestFile) : place.status();
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(fmt::format("no bridge is taken over ({} cannot be read)", file));
  }
  if (!text.ok()) return text.status();
  return FromText(file, *text);
}

void RemoveAdoption(const std::string& file) {
  if (const auto place = FilePlace::Open(file); place.ok()) place->Remove();
}

}  // namespace tapswitch
