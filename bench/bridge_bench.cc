// parse + learn + decide + group, a frame: the whole pure path.

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "switch/forwarding/bridge.h"

namespace tapswitch {
namespace {

constexpr uint16_t kPorts = 8;
constexpr size_t kFrameSize = 60;

// Batches of frames between stations that the bridge has learned.
class Traffic {
 public:
  Traffic(size_t stations, size_t frames) : wires_(frames * kStride) {
    std::mt19937_64 random(1);
    for (size_t i = 0; i < frames; ++i) {
      std::byte* wire = wires_.data() + i * kStride;
      const uint64_t source = random() % stations;
      Store(wire + kVirtioNetHeaderSize, random() % stations);
      Store(wire + kVirtioNetHeaderSize + kMacAddressSize, source);
      frames_.push_back({.wire = {.data = wire, .size = kVirtioNetHeaderSize + kFrameSize},
                         .ingress = PortOf(source)});
    }
  }

  static MacAddress Station(uint64_t n) { return MacAddress::FromNumber(0x020000000000 + n); }
  static PortId PortOf(uint64_t station) { return {static_cast<uint16_t>(station % kPorts)}; }

  [[nodiscard]] std::span<const Frame> Batch(size_t index) const {
    constexpr size_t kBatch = 32;
    return std::span(frames_).subspan((index * kBatch) % (frames_.size() - kBatch + 1), kBatch);
  }

 private:
  static constexpr size_t kStride = 128;

  static void Store(std::byte* at, uint64_t station) {
    const auto bytes = Station(station).bytes();
    std::copy(bytes.begin(), bytes.end(), at);
  }

  std::vector<std::byte> wires_;
  std::vector<Frame> frames_;
};

// Argument: stations. 16 is hot, 65,536 in random order is not.
void BM_Process(benchmark::State& state) {
  const auto stations = static_cast<size_t>(state.range(0));
  Bridge bridge({.capacity = 1U << 17U, .ageing = {30000}, .salt = 99});
  std::vector<PortForwarding> ports;
  EgressLists egress;
  for (uint16_t id = 0; id < kPorts; ++id) {
    ports.push_back({.id = {id}});
    egress.AddPort({id});
  }
  bridge.SetView(ForwardingView(ports));
  for (size_t n = 0; n < stations; ++n) {
    bridge.table().Learn(kNoVlan, Traffic::Station(n), Traffic::PortOf(n), Tick{1});
  }
  const Traffic traffic(stations, stations < 1000 ? 64 : 1U << 18U);
  size_t index = 0;
  size_t processed = 0;
  for (auto _ : state) {
    const auto batch = traffic.Batch(index++);
    bridge.Process(batch, Tick{2}, egress);
    egress.Clear();
    processed += batch.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(processed));
  state.counters["ns_per_frame"] =
      benchmark::Counter(static_cast<double>(processed) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_Process)->Arg(16)->Arg(1024)->Arg(65536);

}  // namespace
}  // namespace tapswitch
