// parse + learn + decide + group, a frame: the whole pure path.

#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/protocol/bridge_protocols.h"

namespace tapswitch {
namespace {

constexpr uint16_t kPorts = 8;
constexpr size_t kFrameSize = 60;

// Frames between stations that the bridge has learned, in a few buffers that stay in cache, as
// those of a port do: the kernel has just written them.
class Traffic {
 public:
  // `stations` is a power of two.
  explicit Traffic(size_t stations) : stations_(stations), wires_(kBatch * kStride) {
    for (size_t i = 0; i < kBatch; ++i) {
      frames_.push_back(
          {.wire = {.data = &wires_[i * kStride], .size = kVirtioNetHeaderSize + kFrameSize}});
    }
  }

  static MacAddress Station(uint64_t n) { return MacAddress::FromNumber(0x020000000000 + n); }
  static PortId PortOf(uint64_t station) { return {static_cast<uint16_t>(station % kPorts)}; }

  // The first `count` frames of the last batch become broadcasts.
  void Broadcast(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      StoreBe48(&wires_[i * kStride + kVirtioNetHeaderSize], kBroadcastAddress.number());
    }
  }

  // A batch with new addresses, in random order, the same ones for `run` frames in a row. Writing
  // them is part of what is measured.
  std::span<const Frame> Next(size_t run) {
    uint64_t random = 0;
    for (size_t i = 0; i < kBatch; ++i) {
      std::byte* frame = &wires_[i * kStride + kVirtioNetHeaderSize];
      if (i % run == 0) random = Random();
      const uint64_t source = random & (stations_ - 1);
      const uint64_t destination = (random >> 32U) & (stations_ - 1);
      StoreWide(frame, Station(destination), 0);
      StoreWide(frame + kMacAddressSize, Station(source), static_cast<uint16_t>(EtherType::kIpv4));
      frames_[i].ingress = PortOf(source);
    }
    return frames_;
  }

 private:
  static constexpr size_t kBatch = 32;
  static constexpr size_t kStride = 128;

  // With what follows the address, in one store of eight bytes: loads of a few bytes soon after
  // narrower stores would wait for them, which frames from a kernel never do.
  static void StoreWide(std::byte* at, MacAddress address, uint16_t next) {
    const uint64_t bytes = __builtin_bswap64(address.number() << 16U | next);
    std::memcpy(at, &bytes, sizeof(bytes));
  }

  // Marsaglia's xorshift64.
  uint64_t Random() {
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    return random_;
  }

  size_t stations_;
  uint64_t random_ = 88172645463325252U;
  std::vector<std::byte> wires_;
  std::vector<Frame> frames_;
};

struct Setting {
  StormControl storm{};
  size_t broadcasts = 0;  // of each batch
  bool snoops = false;
  bool has_tree = false;
  size_t run = 1;  // frames in a row of one conversation
};

// Frames of IPv4 between eight ports. All protocols are there, most of them off, as in a switch.
void Measure(benchmark::State& state, const Setting& setting) {
  constexpr MacAddress kBridgeAddress = MacAddress::FromNumber(0x02FFFFFFFFFF);
  const auto stations = static_cast<size_t>(state.range(0));
  Bridge bridge({.capacity = 65536, .ageing = {30000}, .salt = 99});
  BridgeProtocols protocols(bridge);
  std::vector<PortForwarding> ports;
  EgressLists egress;
  for (uint16_t id = 0; id < kPorts; ++id) {
    ports.push_back({.id = {id}, .storm = setting.storm});
    // As its neighbours are stations, each port forwards at once.
    ports.back().tree.admin_edge = true;
    egress.AddPort({id});
  }
  bridge.SetView(ForwardingView(ports));
  MulticastSettings multicast;
  multicast.snooping = setting.snoops;
  protocols.SetMulticast(multicast, Tick{1});
  protocols.SetSpanningTree({.is_on = setting.has_tree}, kBridgeAddress, Tick{1});
  bridge.TickProtocols(Tick{1}, egress.originated());
  for (size_t n = 0; n < stations; ++n) {
    bridge.table().Learn(kNoVlan, Traffic::Station(n), Traffic::PortOf(n), Tick{1});
  }
  Traffic traffic(stations);
  size_t processed = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto batch = traffic.Next(setting.run);
    traffic.Broadcast(setting.broadcasts);
    bridge.Process(batch, Tick{2}, egress);
    egress.Clear();
    processed += batch.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(processed));
  state.counters["ns_per_frame"] =
      benchmark::Counter(static_cast<double>(processed) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Argument: stations. 16 is hot, 65,536 in random order is not.
void BM_Process(benchmark::State& state) { Measure(state, {}); }
BENCHMARK(BM_Process)->Arg(16)->Arg(1024)->Arg(65536);

// Ports are read one after the other, so frames of one conversation stand together.
void BM_ProcessRuns(benchmark::State& state) { Measure(state, {.run = 16}); }
BENCHMARK(BM_ProcessRuns)->Arg(16)->Arg(1024)->Arg(65536);

// Rates that nothing reaches: what is measured is the check.
StormControl EachKindLimited() {
  StormControl storm;
  storm.rates.fill({.per_second = RateLimit::kMost});
  return storm;
}
void BM_ProcessStormControlled(benchmark::State& state) {
  Measure(state, {.storm = EachKindLimited()});
}
BENCHMARK(BM_ProcessStormControlled)->Arg(16)->Arg(1024)->Arg(65536);

// What unicast pays for multicast snooping, and for a spanning tree.
void BM_ProcessSnooping(benchmark::State& state) { Measure(state, {.snoops = true}); }
BENCHMARK(BM_ProcessSnooping)->Arg(16)->Arg(1024);
void BM_ProcessTree(benchmark::State& state) { Measure(state, {.has_tree = true}); }
BENCHMARK(BM_ProcessTree)->Arg(16)->Arg(1024);

// A quarter of the frames are broadcasts, without storm control and with it.
void BM_Flood(benchmark::State& state) { Measure(state, {.broadcasts = 8}); }
BENCHMARK(BM_Flood)->Arg(16);
void BM_FloodStormControlled(benchmark::State& state) {
  Measure(state, {.storm = EachKindLimited(), .broadcasts = 8});
}
BENCHMARK(BM_FloodStormControlled)->Arg(16);

}  // namespace
}  // namespace tapswitch
