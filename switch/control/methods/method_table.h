// The methods of the control protocol: JSON parameters in, a change of the bridge or an answer out.
//
// Parameters are objects. What is missing, unknown or of the wrong kind is InvalidArgument; what is
// understood and refused has any other code. Every message is one line with the bad value and the
// cure.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/attach/attacher.h"
#include "switch/control/methods/captures.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/rpc/json_text.h"
#include "switch/control/rpc/monitor.h"
#include "switch/forwarding/guards/allow_list.h"

namespace tapswitch {

class Methods {
 public:
  using Params = nlohmann::json;
  using Result = absl::StatusOr<JsonText>;

  // All outlive this.
  Methods(BridgeControl& control, Monitor& monitor, Captures& captures, Attacher& attacher);

  // Unimplemented when there is no such method.
  [[nodiscard]] Result Call(ClientId client, const std::string& method, const Params& params);

  // Publishes what has happened in the switch by itself.
  void PublishSwitchEvents(EventChannel::Taken taken);

  // A client has gone.
  void Forget(ClientId client);

 private:
  using ordered_json = nlohmann::ordered_json;
  using Method = std::function<Result(ClientId, const Params&)>;

  Result ListBridge(const Params& params);
  Result SetBridge(const Params& params);
  Result AddPort(const Params& params);
  [[nodiscard]] Result Added();
  [[nodiscard]] absl::Status AddTo(BridgeConfig& wanted, const PortSpec& spec) const;
  Result DeletePort(const Params& params);
  Result ListPorts(const Params& params);
  Result RecoverPort(const Params& params);
  Result SetLoopDetection(const Params& params);
  Result ListLoopDetection(const Params& params);
  Result ListNeighbours(const Params& params);
  Result FlushNeighbours(const Params& params);
  Result SetLink(const Params& params);
  Result ListLinks(const Params& params);
  Result AddEntry(FdbVerb verb, const Params& params);
  Result DeleteEntry(const Params& params);
  Result GetEntry(const Params& params);
  Result ListEntries(const Params& params);
  Result FlushEntries(const Params& params);
  Result AddVlan(const Params& params);
  Result DeleteVlan(const Params& params);
  Result SetVlan(const Params& params);
  Result ListVlans(const Params& params);
  Result AddMirror(const Params& params);
  Result DeleteMirror(const Params& params);
  Result ListMirrors(const Params& params);
  Result StartCapture(ClientId client, const Params& params);
  Result ListStorm(const Params& params);
  Result SetStorm(const Params& params);
  Result ListSecurity(const Params& params);
  Result SetSecurity(const Params& params);
  Result AllowStation(const Params& params);
  Result DisallowStation(const Params& params);
  Result StartMonitor(ClientId client, const Params& params);
  Result TraceFrame(const Params& params);
  Result Save(const Params& params);

  using ShowOne = ordered_json (*)(const PortConfig&, const PortSnapshot*);
  Result ListPorts(const Params& params, ShowOne show);
  // Sets all parameters but `dev`, or none.
  using Setter = absl::Status (*)(std::string_view name, const Params& value, PortSettings&);
  Result ChangePort(const Params& params, Setter set);
  using AllowedEdit = std::function<absl::StatusOr<std::shared_ptr<const AllowList>>(
      const std::shared_ptr<const AllowList>&)>;
  Result ChangeAllowed(const std::string& dev, const AllowedEdit& edit);

  // Entries may also belong to the bridge itself.
  [[nodiscard]] absl::StatusOr<PortId> FindPortOrBridge(const std::string& name) const;
  // Whether `name`, if any, is this bridge's.
  [[nodiscard]] absl::Status CheckBridge(const std::optional<std::string>& name) const;
  // The VLANs that an entry on `port` is meant for: the one named, of which the port is a member;
  // else all of the port's, or kNoVlan while VLANs are not filtered; kNoVlan may also be named. Not
  // empty.
  [[nodiscard]] absl::StatusOr<std::vector<VlanId>> FindVlans(PortId port,
                                                              std::optional<uint64_t> vlan) const;
  // Whether frames can meet it, as VLANs are filtered or not.
  // Visits the entry if frames can meet it, as VLANs are filtered or not: once for each VLAN that it is
  // shown in.
  void ForEachInUse(const MacEntry& entry, const std::function<void(const MacEntry&)>& visit) const;
  // Of a port, or of the bridge itself.
  [[nodiscard]] const PortVlans& VlansOf(PortId port) const;
  // Changes the VLANs of the port, or bridge, that `params` names as `dev`.
  Result ChangeVlans(const std::string& dev,
                     const std::function<absl::Status(PortVlans& vlans)>& change);
  // Of the bridge, from the parameters into `wanted`.
  [[nodiscard]] static absl::Status ReadVlanSettings(ParamReader& reader, BridgeConfig& wanted);
  void PublishLink(const PortConfig& port);
  void PublishLinkOf(const std::string& name);
  void PublishEntry(std::string_view event, const MacEntry& entry);
  void Publish(const FdbEvent& event);
  void Publish(const LinkStateEvent& event);
  void Publish(const Alarm& alarm);
  void Publish(const RecoveryEvent& event);
  void Publish(const LinkEvent& event) { attacher_.OnLink(event); }
  void WatchTableIfWanted();

  BridgeControl& control_;
  Monitor& monitor_;
  Captures& captures_;
  Attacher& attacher_;
  std::map<std::string, Method, std::less<>> methods_;
};

}  // namespace tapswitch
