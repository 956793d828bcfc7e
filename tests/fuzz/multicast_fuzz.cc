// Frames from anybody, to a bridge that snoops: the first byte of each names the port, the second
// its length, the third how much time passes before it. The table stays within its bounds.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "switch/protocol/bridge_protocols.h"
#include "tests/support/test_frames.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tapswitch;
  constexpr uint16_t kPorts = 4;
  Bridge bridge({.capacity = 64, .ageing = {30000}, .salt = 7});
  BridgeProtocols protocols(bridge);
  EgressLists egress;
  std::vector<PortForwarding> ports;
  for (uint16_t id = 0; id < kPorts; ++id) {
    ports.push_back({.id = {id}});
    ports.back().multicast.fast_leave = id == 1;
    egress.AddPort({id});
  }
  bridge.SetView(ForwardingView(ports));
  MulticastSettings settings{.snooping = true, .hash_max = 64};
  settings.bridge = {.querier = true, .igmp_version = 3, .mld_version = 2};
  Tick now{1000};
  protocols.SetMulticast(settings, now);
  auto rest = std::as_bytes(std::span(data, size));
  TestFrames frames;
  while (rest.size() > 3) {
    const PortId port{static_cast<uint16_t>(std::to_integer<uint16_t>(rest[0]) % kPorts)};
    const size_t length = std::min<size_t>(std::to_integer<size_t>(rest[1]), rest.size() - 3);
    now.centiseconds += std::to_integer<uint64_t>(rest[2]);
    bridge.TickProtocols(now, egress.originated());
    egress.originated().Clear();
    const Frame frame = frames.Plain(port, rest.subspan(3, length));
    bridge.Process({&frame, 1}, now, egress);
    egress.Clear();
    egress.originated().Clear();
    rest = rest.subspan(3 + length);
    const bool is_bounded = bridge.groups().Keys().size() <= 64 + 16 &&
                            bridge.groups().rows() <= 64 * MulticastTable::kRowsPerGroup;
    if (!is_bounded) std::abort();
  }
  return 0;
}
