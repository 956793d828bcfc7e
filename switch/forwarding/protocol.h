// The protocols that the bridge takes part in, as the bridge sees them: state machines that are fed
// the frames they are interested in, and told of time and of ports. The bridge names none of them.
// They are in switch/protocol/, which is on top of this folder; bridge_protocols.h there registers
// each.
//
// One thread at a time calls everything, which has the bridge locked where there are several.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/guards/alarms.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/originator.h"
#include "switch/forwarding/parsed_frame.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/view/forwarding_view.h"

namespace tapswitch {

// The effects of a protocol on ports. They take place at once, before the next frame.
class ProtocolEffects {
 public:
  virtual ~ProtocolEffects() = default;

  // The port is in this state, or in one that lets less pass, for other reasons. It is in the one
  // that Bridge::SetInitialState names at first, and whenever it was closed.
  virtual void SetState(PortId port, PortState state) = 0;
  // Forgets the addresses that were learned behind the port.
  virtual void Flush(PortId port) = 0;
  // Has the thread that drives the bridge ask for the deadline again, and for events.
  virtual void Wake() = 0;
};

// The knowledge of a protocol, and the places where its effects go: frames that it originates, and
// alarms, which may shut a port down. The verdict tells what becomes of a frame.
struct ProtocolContext {
  const ForwardingView& view;
  const MacTable& table;
  Tick now;
  AlarmLog& alarms;
  Originator& originator;
  ProtocolEffects* effects = nullptr;  // null: there are no ports to act upon
};

// The verdict on a frame that a protocol has seen.
struct ProtocolVerdict {
  enum class Action : uint8_t {
    kPass,      // nothing out of the ordinary
    kConsume,   // it was meant for the bridge, and goes no further, for `reason`
    kRestrict,  // when flooded, it is not sent to `excluded`; `reason` is why, if nobody is left
  };

  Action action = Action::kPass;
  DropReason reason = DropReason::kNoEgress;
  PortSet excluded;

  [[nodiscard]] static ProtocolVerdict Pass() { return {}; }
  [[nodiscard]] static ProtocolVerdict Consume(DropReason reason) {
    return {.action = Action::kConsume, .reason = reason, .excluded = {}};
  }
  [[nodiscard]] static ProtocolVerdict Restrict(const PortSet& excluded, DropReason reason) {
    return {.action = Action::kRestrict, .reason = reason, .excluded = excluded};
  }

  bool operator==(const ProtocolVerdict&) const = default;
};

// The incoming frames that a protocol wants to see.
struct ProtocolInterests {
  // Frames behind whose header, and the bridge's own tag, there is this EtherType; and, in IP
  // packets, this protocol right behind the IP header, if one is given.
  struct Type {
    uint16_t ether_type = 0;
    std::optional<uint8_t> ip_protocol;
    bool to_groups =
        false;  // of these, only those to a group address, which unicast pays nothing for
  };

  // Frames to 01:80:C2:00:00:0X, as bits of X: before they are dropped or forwarded, in every state
  // of the port but disabled, whatever their VLAN.
  uint16_t reserved = 0;
  // In states that let frames in.
  std::vector<Type> types;
  // Whether it sees, of `types`, only frames that the port's guards let in, of a VLAN that the port
  // is a member of; else it comes before the guards.
  bool is_guarded = false;
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  // Asked for after each OnPorts.
  [[nodiscard]] virtual ProtocolInterests interests() const = 0;

  virtual ProtocolVerdict See(const ParsedFrame& frame, ProtocolContext& context) = 0;

  // Called once a turn of the thread that drives the bridge, which is taken when next_deadline
  // comes.
  virtual void OnTick(ProtocolContext& /*context*/) {}
  [[nodiscard]] virtual std::optional<Tick> next_deadline() const { return std::nullopt; }

  // The view, or a gate, has changed.
  virtual void OnPorts(const ForwardingView& /*view*/) {}

  // Nothing passes the port from now on: its link is down, it is shut down or about to go. Called
  // at once, so that one that is back at once is a new one all the same.
  virtual void OnClosed(PortId /*port*/) {}

  // The speed of the port's link, in Mbit/s; 0: not known. Told of all ports, when it may have
  // changed.
  virtual void OnLinkSpeed(PortId /*port*/, uint32_t /*speed*/) {}
};

// The protocols that are registered, asked in that order.
class Protocols {
 public:
  // A protocol's place in the order, as a bit.
  using Bits = uint8_t;
  static constexpr size_t kMost = 8;

  // `protocol` is removed before it goes. Precondition: there are fewer than kMost.
  void Add(Protocol& protocol);
  void Remove(Protocol& protocol);

  // Tells all of the ports, and asks for their interests again. True when may_want has changed.
  bool OnPorts(const ForwardingView& view);

  void OnTick(ProtocolContext& context);
  [[nodiscard]] std::optional<Tick> next_deadline() const;
  void OnClosed(PortId port);
  void OnLinkSpeed(PortId port, uint32_t speed);

  // Whether somebody may want to see frames of this type that are not for a group address.
  [[nodiscard]] bool may_want(uint16_t ether_type) const {
    return ((type_filter_ >> FilterBit(ether_type)) & 1U) != 0;
  }
  // Tells may_want for all types, for those who ask elsewhere: that of a type is the bit
  // (type ^ type >> 6) & 63.
  [[nodiscard]] uint64_t type_filter() const { return type_filter_; }
  // Whether somebody may want to see frames of this type to this address. A frame that nobody wants
  // costs this one test.
  [[nodiscard]] bool may_want(uint16_t ether_type, MacAddress destination) const {
    const uint64_t filter = destination.is_multicast() ? group_type_filter_ : type_filter_;
    return ((filter >> FilterBit(ether_type)) & 1U) != 0;
  }
  // The protocols that want to see a frame.
  [[nodiscard]] Bits WantedBy(const ParsedFrame& frame) const;
  [[nodiscard]] bool wants_reserved() const { return wants_reserved_; }
  [[nodiscard]] Bits ReservedWantedBy(MacAddress destination) const {
    return reserved_[destination.number() & 0xFU];
  }
  // The protocols that see only what guards let in.
  [[nodiscard]] Bits guarded() const { return guarded_; }

  // Shows the frame to those of `who`, until one consumes it: true then. Restrictions add up in
  // `verdict`.
  [[nodiscard]] bool Show(Bits who, const ParsedFrame& frame, ProtocolContext& context,
                          ProtocolVerdict& verdict);

 private:
  struct WantedType {
    ProtocolInterests::Type type;
    Bits who = 0;
  };

  static constexpr unsigned FilterBit(uint16_t ether_type) {
    return (ether_type ^ (ether_type >> 6U)) & 63U;
  }

  std::vector<Protocol*> protocols_;
  std::vector<WantedType> types_;
  uint64_t type_filter_ = 0;        // FilterBit of each type that is wanted
  uint64_t group_type_filter_ = 0;  // the same for frames to group addresses
  bool wants_reserved_ = false;
  std::array<Bits, 16> reserved_{};
  Bits guarded_ = 0;
};

}  // namespace tapswitch
