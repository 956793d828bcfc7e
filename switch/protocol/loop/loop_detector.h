// Loop detection without a spanning tree: the bridge sends probes by its ports, and where one of
// its own comes back, two ports lead to the same place.
//
// Probes go out untagged and are never forwarded by the bridge that sent them; other bridges
// forward them as any broadcast. One that comes back in the VLAN that its port has for untagged
// frames tells of a loop. Of the two ports the one with the higher id is to blame, so that both
// directions come to the same result; the lower one stays.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/guards/alarms.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/protocol.h"
#include "switch/protocol/loop/loop_probe.h"

namespace tapswitch {

struct LoopDetection {
  enum class Action : uint8_t {
    kLog,    // say so, once
    kBlock,  // and shut the port down
  };

  Ticks period{0};  // 0: off
  Action action = Action::kBlock;
  Ticks recovery{30000};  // how long a port is shut down; 0: until somebody says otherwise

  [[nodiscard]] bool is_on() const { return period != Ticks{0}; }
  bool operator==(const LoopDetection&) const = default;
};

class LoopDetector final : public Protocol {
 public:
  struct Counters {
    uint64_t probes = 0;  // sent
    uint64_t loops = 0;   // found

    bool operator==(const Counters&) const = default;
  };

  // Sets the sender of this start of the bridge; to be called before the first probe.
  void SetSender(const ProbeSender& sender) { sender_ = sender; }
  [[nodiscard]] const ProbeSender& sender() const { return sender_; }

  // Takes effect at once: the first round of probes is due.
  void Configure(const LoopDetection& settings, Tick now);
  [[nodiscard]] const LoopDetection& settings() const { return settings_; }

  // The ports that forward, and those of them that send probes and may be blamed.
  void SetPorts(const PortSet& forwarding, const PortSet& probing);

  [[nodiscard]] const Counters& counters() const { return counters_; }
  // Goes on with the counts of an earlier process.
  void SetCounters(const Counters& counters) { counters_ = counters; }

  // Nothing while it is off. Probes are the bridge's own frames, whose source no guard would let
  // in.
  [[nodiscard]] ProtocolInterests interests() const override;

  // Takes the bridge's own probes out, and raises alarms.
  ProtocolVerdict See(const ParsedFrame& frame, ProtocolContext& context) override;

  // Sends probes that are due. Those that find no room are sent the next time.
  void OnTick(ProtocolContext& context) override;
  [[nodiscard]] std::optional<Tick> next_deadline() const override;

  void OnPorts(const ForwardingView& view) override;

 private:
  void Judge(const LoopProbe& probe, const ParsedFrame& frame, ProtocolContext& context);
  [[nodiscard]] std::optional<PortId> ToBlame(PortId sent, PortId received) const;

  ProbeSender sender_;
  LoopDetection settings_;
  PortSet forwarding_;
  PortSet probing_;
  PortSet to_probe_;  // of the round that is under way
  uint32_t sequence_ = 0;
  Tick next_round_;
  Counters counters_;
  std::vector<std::optional<Tick>> seen_ = std::vector<std::optional<Tick>>(kMaxPorts);
};

}  // namespace tapswitch
