// Publishes to the clients that watch what methods have changed, and what has happened in the
// switch by itself.

#pragma once

#include <string>
#include <string_view>

#include "switch/control/apply/bridge_control.h"
#include "switch/control/methods/tables/neighbour_watch.h"
#include "switch/control/rpc/monitor.h"
#include "switch/workers/channels/event_channel.h"

namespace tapswitch {

class EventPublisher {
 public:
  // Both outlive this.
  EventPublisher(BridgeControl& control, Monitor& monitor)
      : control_(control), monitor_(monitor), neighbours_(control, monitor) {}

  // Replaces what the client watches. The address table publishes its changes as long as a client
  // watches them.
  void Subscribe(ClientId client, Monitor::Objects objects);
  // The client watches nothing any more, which it need not have done.
  void Unsubscribe(ClientId client);

  // Publishes what ports, guards and the address table have done. Events of interfaces are not for
  // clients, and have no effect.
  void PublishSwitchEvents(const EventChannel::Taken& taken);

  // The settings or the state of the port have changed.
  void PublishLink(const PortConfig& port);
  void PublishEntry(std::string_view event, const MacEntry& entry);
  [[nodiscard]] NeighbourWatch& neighbours() { return neighbours_; }

 private:
  void Publish(const FdbEvent& event);
  void Publish(const GroupChanges& event);
  void Publish(const LinkStateEvent& event);
  void Publish(const Alarm& alarm);
  void Publish(const RecoveryEvent& event);
  void Publish(const LinkEvent& /*event*/) {}
  void Publish(const WorkerWantedEvent& /*event*/) {}
  void Publish(const TableNewsEvent& /*event*/) {}
  void Publish(const ProtocolEvent& event);
  void Publish(const stp::Event& event);
  void PublishLinkOf(const std::string& name);
  void WatchTableIfWanted();

  BridgeControl& control_;
  Monitor& monitor_;
  NeighbourWatch neighbours_;
};

}  // namespace tapswitch
