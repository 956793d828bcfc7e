// Steps that the methods of several subjects share: finding a port, showing each port, and changing
// the settings of one.

#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/methods/method.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

// Returns null when the snapshot has no such port.
[[nodiscard]] const PortSnapshot* FindPortSnapshot(const SwitchSnapshot& snapshot,
                                                   std::string_view name);

// Returns kBridgePort for the name of the bridge; NotFound names the port.
[[nodiscard]] absl::StatusOr<PortId> FindPortOrBridge(const BridgeControl& control,
                                                      const std::string& name);

// NotFound if the word `word` names another bridge than this; it may be left out.
[[nodiscard]] absl::Status CheckBridgeName(const BridgeControl& control, std::string_view word,
                                           const std::optional<std::string>& name);

// Returns the VLANs of a port, or of the bridge itself, until the next change. Precondition: the
// port is there.
[[nodiscard]] const PortVlans& VlansOf(const BridgeControl& control, PortId port);

// Returns the VLANs that an entry of a table on `port` is meant for: the one named, of which the
// port is a member; else all VLANs of the port, or kNoVlan while VLANs are not filtered. kNoVlan
// may also be named. Not empty.
[[nodiscard]] absl::StatusOr<std::vector<VlanId>> FindVlans(const BridgeControl& control,
                                                            PortId port,
                                                            std::optional<uint64_t> vlan);

// Publishes the VLANs of a port, or of the bridge itself, to those who watch them. It is defined
// with the methods about VLANs.
void PublishVlans(const MethodContext& context, const std::string& dev);

// Publishes what has become of the settings of a port since it was `before`; nothing if they are
// the same, or the port has gone.
void PublishSettings(const MethodContext& context, const PortConfig& before);

// Shows a port; the snapshot is null for one that has no device.
using ShowPortFunction =
    std::function<nlohmann::ordered_json(const PortConfig&, const PortSnapshot*)>;

// Reads the one parameter `key`, which may name a port, and answers with what `show` makes of that
// port, or of each port in an array.
[[nodiscard]] MethodResult ListEachPort(const BridgeControl& control, const MethodParams& params,
                                        std::string_view key, const ShowPortFunction& show);

// Sets one parameter, or says what is wrong with it.
using PortSetter = absl::Status (*)(std::string_view name, const MethodParams& value,
                                    PortSettings& settings);

// Changes the port that `dev` names by all other parameters, or by none of them, and publishes
// that.
[[nodiscard]] MethodResult ChangePort(const MethodContext& context, const MethodParams& params,
                                      PortSetter set);

}  // namespace tapswitch
