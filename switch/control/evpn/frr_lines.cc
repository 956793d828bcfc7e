#include "switch/control/evpn/frr_lines.h"

#include "switch/control/config/ip_text.h"

namespace tapswitch {

std::vector<std::string> FrrLines(IpAddress local) {
  return {"router bgp 65000",
          " bgp router-id " + IpAddressText(local),
          " no bgp default ipv4-unicast",
          " neighbor PEER remote-as 65000",
          " neighbor PEER timers 3 9",
          " neighbor PEER timers connect 1",
          " address-family l2vpn evpn",
          "  neighbor PEER activate",
          "  advertise-all-vni",
          " exit-address-family"};
}

}  // namespace tapswitch
