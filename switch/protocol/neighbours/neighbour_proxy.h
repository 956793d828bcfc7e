// Suppression of questions for neighbours (neigh_suppress), as in net/bridge/br_arp_nd_proxy.c:
// what the bridge knows is not asked by ports that have the flag.
//
// Of a question that comes in by a port without the flag, for a neighbour that is known and whose
// station is, too:
//
//   the neighbour is behind a port with the flag      the bridge answers in its name
//   behind any other                                  it answers for itself
//   either way                                        ports with the flag do not see the question
//
// Everything else is flooded as ever: questions that come in by a port with the flag (it leads to
// where others answer), for neighbours that are unknown or contested, questions whether an address
// is free, announcements. That the last two reach all ports is a difference to Linux, which relies
// on something else to tell what is behind the flag; here there is only what the bridge sees.
//
// For an IPv6 neighbour that has not said whether it is a router nothing is answered: hosts would
// take a router out of use that is called none (RFC 4861, 7.2.5).

#pragma once

#include <cstdint>

#include "switch/forwarding/protocol.h"
#include "switch/protocol/neighbours/neighbour_table.h"

namespace tapswitch {

class NeighbourProxy final : public Protocol {
 public:
  struct Counters {
    uint64_t answered = 0;
    uint64_t spared = 0;  // questions that ports with the flag did not see, answered ones included
    uint64_t contested = 0;  // claims of an address that another station had

    bool operator==(const Counters&) const = default;
  };

  [[nodiscard]] NeighbourTable& table() { return table_; }
  [[nodiscard]] const NeighbourTable& table() const { return table_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  // Goes on with the counts of an earlier process.
  void SetCounters(const Counters& counters) { counters_ = counters; }

  // ARP and ICMPv6, while a port has the flag. Nothing is believed of a station that is not let in.
  [[nodiscard]] ProtocolInterests interests() const override;

  ProtocolVerdict See(const ParsedFrame& frame, ProtocolContext& context) override;

  // Forgets all neighbours while no port has the flag, so that they are not believed later.
  void OnPorts(const ForwardingView& view) override;

 private:
  void Learn(const NeighbourClaim& claim, const ParsedFrame& frame, const ProtocolContext& context);
  ProtocolVerdict Ask(const NeighbourQuestion& question, const ParsedFrame& frame,
                      ProtocolContext& context);
  ProtocolVerdict Answer(const NeighbourQuestion& question, const Neighbour& target,
                         const ParsedFrame& frame, ProtocolContext& context);

  NeighbourTable table_;
  bool suppresses_ = false;
  Counters counters_;
};

}  // namespace tapswitch
