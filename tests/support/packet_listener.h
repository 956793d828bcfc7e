// A protocol that wants to see all IPv4 packets, at times, and does nothing about them.

#pragma once

#include <optional>

#include "switch/forwarding/protocol.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class PacketListener : public Protocol {
 public:
  bool wants = false;

  [[nodiscard]] ProtocolInterests interests() const override {
    if (!wants) return {};
    return {.types = {{.ether_type = static_cast<uint16_t>(EtherType::kIpv4),
                       .ip_protocol = std::nullopt}}};
  }
  ProtocolVerdict See(const ParsedFrame& /*frame*/, ProtocolContext& /*context*/) override {
    return ProtocolVerdict::Pass();
  }
};

}  // namespace tapswitch
