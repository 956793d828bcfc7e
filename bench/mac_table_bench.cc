// How long learning and looking up takes. The figures of interest are the 65,536 entries of a full
// table with its default capacity, and "hot": 16 stations that stay in the first-level cache.
//
// A tick is 10 ms, which at a million frames a second is 10,000 frames; kFramesPerTick says how
// often the benchmarks move the clock, because only the first frame of a station in a tick has to
// write its time and its place in the order of age.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"

namespace tapswitch {
namespace {

constexpr uint32_t kFull = 65536;
constexpr uint32_t kHot = 16;
constexpr uint64_t kFramesPerTick = 10000;
constexpr uint16_t kPorts = 16;

MacAddress Station(uint64_t number) { return MacAddress::FromNumber(0x020000000000 + number); }
PortId PortOf(uint64_t number) { return PortId{static_cast<uint16_t>(number % kPorts)}; }

MacTable TableWith(uint32_t stations) {
  MacTable table({.capacity = kFull, .salt = 1});
  for (uint32_t i = 0; i < stations; ++i) table.Learn(kNoVlan, Station(i), PortOf(i), Tick{1});
  return table;
}

// Station numbers below `stations`, in random order and with repetitions, as traffic has them.
std::vector<uint32_t> Traffic(uint32_t stations) {
  std::mt19937 random(1);  // NOLINT(cert-msc*): the same in every run
  std::vector<uint32_t> traffic(1U << 20U);
  std::generate(traffic.begin(), traffic.end(), [&] { return random() % stations; });
  return traffic;
}

void Consume(const std::optional<MacLookup>& found) {
  benchmark::DoNotOptimize(found.has_value() ? found->port.value : kMaxPorts);
}

// One frame after another: calls handle(number of the source, number of the destination, now).
template <typename Handle>
void RunTraffic(benchmark::State& state, uint32_t stations, Handle handle) {
  const std::vector<uint32_t> traffic = Traffic(stations);
  uint64_t frame = 0;
  for ([[maybe_unused]] auto _ : state) {
    const uint32_t source = traffic[frame % traffic.size()];
    const uint32_t destination = traffic[(frame + 1) % traffic.size()];
    handle(source, destination, Tick{1 + frame / kFramesPerTick});
    ++frame;
  }
}

void LearnKnown(benchmark::State& state) {
  const auto stations = static_cast<uint32_t>(state.range(0));
  MacTable table = TableWith(stations);
  RunTraffic(state, stations, [&](uint32_t source, uint32_t /*destination*/, Tick now) {
    benchmark::DoNotOptimize(table.Learn(kNoVlan, Station(source), PortOf(source), now));
  });
}
BENCHMARK(LearnKnown)->Arg(kHot)->Arg(kFull);

void Lookup(benchmark::State& state) {
  const auto stations = static_cast<uint32_t>(state.range(0));
  const MacTable table = TableWith(stations);
  RunTraffic(state, stations, [&](uint32_t /*source*/, uint32_t destination, Tick /*now*/) {
    Consume(table.Lookup(kNoVlan, Station(destination), Tick{1}));
  });
}
BENCHMARK(Lookup)->Arg(kHot)->Arg(kFull);

void LookupMiss(benchmark::State& state) {
  const MacTable table = TableWith(kFull);
  RunTraffic(state, kFull, [&](uint32_t /*source*/, uint32_t destination, Tick /*now*/) {
    Consume(table.Lookup(kNoVlan, Station(kFull + destination), Tick{1}));
  });
}
BENCHMARK(LookupMiss);

// What the bridge asks of the table for one frame.
void LearnAndLookup(benchmark::State& state) {
  const auto stations = static_cast<uint32_t>(state.range(0));
  MacTable table = TableWith(stations);
  RunTraffic(state, stations, [&](uint32_t source, uint32_t destination, Tick now) {
    benchmark::DoNotOptimize(table.Learn(kNoVlan, Station(source), PortOf(source), now));
    Consume(table.Lookup(kNoVlan, Station(destination), now));
  });
}
BENCHMARK(LearnAndLookup)->Arg(kHot)->Arg(kFull);

// The same for batches of 32 frames, whose slots are asked for in advance. Per frame.
void LearnAndLookupPrefetched(benchmark::State& state) {
  constexpr size_t kBatch = 32;
  const std::vector<uint32_t> traffic = Traffic(kFull);
  MacTable table = TableWith(kFull);
  uint64_t frame = 0;
  while (state.KeepRunningBatch(kBatch)) {
    const uint32_t* batch = &traffic[frame % traffic.size()];
    const Tick now{1 + frame / kFramesPerTick};
    for (size_t i = 0; i < kBatch; ++i) table.Prefetch(kNoVlan, Station(batch[i]));
    for (size_t i = 0; i < kBatch; ++i) {
      const uint32_t destination = batch[(i + 1) % kBatch];
      benchmark::DoNotOptimize(table.Learn(kNoVlan, Station(batch[i]), PortOf(batch[i]), now));
      Consume(table.Lookup(kNoVlan, Station(destination), now));
    }
    frame += kBatch;
  }
}
BENCHMARK(LearnAndLookupPrefetched);

// An empty table learns that many stations. Construction is not timed.
void LearnNew(benchmark::State& state) {
  const auto stations = static_cast<uint32_t>(state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    MacTable table({.capacity = kFull, .salt = 1});
    state.ResumeTiming();
    for (uint32_t i = 0; i < stations; ++i) table.Learn(kNoVlan, Station(i), PortOf(i), Tick{1});
  }
  state.SetItemsProcessed(state.iterations() * stations);
}
BENCHMARK(LearnNew)->Arg(kFull)->Unit(benchmark::kMillisecond);

// A full table learns one more, and evicts; with that many ports in use.
void LearnEvicting(benchmark::State& state) {
  const auto ports = static_cast<uint32_t>(state.range(0));
  MacTable table({.capacity = kFull, .salt = 1});
  uint64_t number = 0;
  const auto learn_next = [&] {
    const PortId port{static_cast<uint16_t>(number % ports)};
    benchmark::DoNotOptimize(
        table.Learn(kNoVlan, Station(number), port, Tick{1 + number / kFramesPerTick}));
    ++number;
  };
  while (number < kFull) learn_next();
  for ([[maybe_unused]] auto _ : state) learn_next();
}
BENCHMARK(LearnEvicting)->Arg(2)->Arg(64)->Arg(kMaxPorts);

// The table has so many stations, on 1,024 ports and in as many VLANs. Each iteration flushes every
// port, every VLAN, or all at once, and the time is that of 1,024 flushes.
enum class FlushKind : uint8_t { kPort, kVlan, kAll };

template <FlushKind kind>
void Flush(benchmark::State& state) {
  const auto stations = static_cast<uint64_t>(state.range(0));
  MacTable table({.capacity = kFull, .salt = 1});
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    for (uint64_t i = 0; i < stations; ++i) {
      const auto number = static_cast<uint16_t>(i % kMaxPorts);
      table.Learn(VlanId{number}, Station(i), PortId{number}, Tick{1});
    }
    // Reads the whole table, so that the caches are no warmer for few stations than for many.
    table.Sweep(table.slots(), Tick{1});
    state.ResumeTiming();
    if constexpr (kind == FlushKind::kAll) table.FlushAll();
    if constexpr (kind != FlushKind::kAll) {
      for (uint16_t number = 0; number < kMaxPorts; ++number) {
        if constexpr (kind == FlushKind::kPort) table.FlushPort(PortId{number});
        if constexpr (kind == FlushKind::kVlan) table.FlushVlan(VlanId{number});
      }
    }
  }
}
BENCHMARK(Flush<FlushKind::kPort>)->Arg(kMaxPorts)->Arg(kFull)->Iterations(200);
BENCHMARK(Flush<FlushKind::kVlan>)->Arg(kMaxPorts)->Arg(kFull)->Iterations(200);
BENCHMARK(Flush<FlushKind::kAll>)->Arg(kMaxPorts)->Arg(kFull)->Iterations(200);

// A whole round over a full table in which nothing has expired.
void SweepRound(benchmark::State& state) {
  MacTable table = TableWith(kFull);
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(table.Sweep(table.slots(), Tick{1}));
}
BENCHMARK(SweepRound)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tapswitch
