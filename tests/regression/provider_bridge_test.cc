// With vlan_protocol 802.1ad the bridge is a provider's: once it dropped the protocols of its
// customers' bridges, which the Linux bridge forwards (net/bridge/br.c, br_recalculate_fwd_mask).

#include <gtest/gtest.h>

#include <vector>

#include "switch/forwarding/decision.h"

namespace tapswitch::provider_bridge_test {
namespace {

// The last digits of 01:80:C2:00:00:0X that are forwarded.
std::vector<int> Forwarded(const BridgeForwarding& bridge) {
  const std::vector<PortForwarding> ports{{.id = {0}}, {.id = {1}}};
  const ForwardingView view(ports, bridge, {});
  std::vector<int> digits;
  for (int digit = 0; digit < 16; ++digit) {
    const EthernetHeader header{
        .destination = MacAddress::FromNumber(0x0180C2000000 + static_cast<uint64_t>(digit)),
        .source = MacAddress::FromNumber(0x020000000001)};
    if (!Admit(view, PortId{0}, header)) digits.push_back(digit);
  }
  return digits;
}

TEST(ProviderBridgeTest, ForwardsTheProtocolsOfItsCustomers) {
  const std::vector<int> of_customers{0, 0xB, 0xC, 0xD, 0xF};
  EXPECT_EQ(Forwarded({.vlan_filtering = true, .vlan_protocol = EtherType::kServiceVlan}),
            of_customers);
  EXPECT_EQ(Forwarded({.vlan_filtering = true}), std::vector<int>());
  EXPECT_EQ(Forwarded({.vlan_protocol = EtherType::kServiceVlan}), std::vector<int>())
      << "without filtering there is no service tag";
}

}  // namespace
}  // namespace tapswitch::provider_bridge_test
