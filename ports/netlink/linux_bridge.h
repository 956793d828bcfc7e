// A bridge of the kernel as a plain value: its ports, their settings, VLANs, and address table.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/netns.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// Numbers by the names that `ip -j -d link` and `bridge -j -d link` give them, in the kernel's
// units (ageing_time in hundredths of a second). A setting that this kernel does not have is
// missing.
using LinuxBridgeSettings = std::map<std::string, uint32_t, std::less<>>;

struct LinuxBridgeVlan {
  uint16_t vid = 0;
  bool pvid = false;
  bool untagged = false;

  bool operator==(const LinuxBridgeVlan&) const = default;
};

enum class LinuxEntryState : uint8_t { kLearned, kStatic, kPermanent };

struct LinuxBridgeEntry {
  MacAddress address{};
  std::string port;   // its name, or that of the bridge itself
  uint16_t vlan = 0;  // 0: none
  LinuxEntryState state = LinuxEntryState::kLearned;
  bool sticky = false;
  bool extern_learn = false;

  bool operator==(const LinuxBridgeEntry&) const = default;
};

// That a port gets the frames of a multicast group, while the bridge snoops.
struct LinuxBridgeGroup {
  std::string port;
  std::string entry;  // the kernel's struct br_mdb_entry, byte by byte in hexadecimal digits

  bool operator==(const LinuxBridgeGroup&) const = default;
};

struct LinuxBridgePort {
  std::string name;
  int ifindex = 0;
  MacAddress address{};
  bool carrier = false;
  LinuxBridgeSettings settings;
  std::vector<LinuxBridgeVlan> vlans;

  bool operator==(const LinuxBridgePort&) const = default;
};

struct LinuxBridge {
  std::string name;
  int ifindex = 0;
  MacAddress address{};
  uint32_t mtu = 0;
  LinuxBridgeSettings settings;
  std::vector<LinuxBridgeVlan> vlans;  // in which the bridge device itself takes part
  std::vector<LinuxBridgePort> ports;
  std::vector<LinuxBridgeEntry> entries;
  std::vector<LinuxBridgeGroup> groups{};
  std::vector<std::string> rule_tables{};  // see bridge_rules.h; they are no part of a record

  bool operator==(const LinuxBridge&) const = default;
};

// The value of a setting, or `otherwise` where this kernel does not have it.
[[nodiscard]] uint32_t SettingOr(const LinuxBridgeSettings& settings, std::string_view name,
                                 uint32_t otherwise);

// Reads a bridge and everything of it. NotFound if there is no such interface, InvalidArgument if
// it is no bridge; the messages say what to do.
[[nodiscard]] absl::StatusOr<LinuxBridge> ReadLinuxBridge(const NetworkNamespace& netns,
                                                          std::string_view name);

}  // namespace tapswitch
