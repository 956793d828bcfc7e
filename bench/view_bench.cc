// The cost that a change of configuration or of a port's state has for the thread that forwards,
// which is handed a finished view or edits a gate. Building the view, which another thread does, is
// measured beside it.

#include <benchmark/benchmark.h>

#include <chrono>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/workers/port_gates.h"

namespace tapswitch {
namespace {

// Returns `count` ports, each with all VLANs.
std::vector<PortForwarding> TrunkPorts(size_t count) {
  std::vector<PortForwarding> ports(count);
  for (size_t i = 0; i < count; ++i) {
    ports[i].id = {static_cast<uint16_t>(i)};
    for (uint16_t id = kLeastVlan.value; id <= kMostVlan.value; ++id) {
      ports[i].vlans.members.insert({id});
    }
  }
  return ports;
}

class Trunks {
 public:
  explicit Trunks(size_t count) : ports_(TrunkPorts(count)) {
    bridge_.SetView(ForwardingView(ports_, {.vlan_filtering = true}));
    for (const PortForwarding& port : ports_) {
      gates_.Add(port.id, false);
      gates_.SetLink(port.id, true);
    }
  }

  // Prepares the view that `link set` of one port leads to.
  [[nodiscard]] PreparedView ChangeOneFlag() {
    ports_.back().flood = !ports_.back().flood;
    return bridge_.Prepare(ForwardingView(ports_, {.vlan_filtering = true}));
  }

  [[nodiscard]] Bridge& bridge() { return bridge_; }
  [[nodiscard]] PortGates& gates() { return gates_; }
  [[nodiscard]] PortId last() const { return ports_.back().id; }

 private:
  std::vector<PortForwarding> ports_;
  Bridge bridge_{{.capacity = 1024, .ageing = {30000}, .salt = 1}};
  PortGates gates_{bridge_};
};

void BM_BuildView(benchmark::State& state) {
  Trunks trunks(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(trunks.ChangeOneFlag());
}
BENCHMARK(BM_BuildView)->Arg(400)->Arg(1000)->Unit(benchmark::kMicrosecond);

void BM_SwapView(benchmark::State& state) {
  Trunks trunks(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    PreparedView view = trunks.ChangeOneFlag();
    const auto begin = std::chrono::steady_clock::now();
    trunks.bridge().SwapView(view);
    trunks.gates().FollowView();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(time.count());
  }
}
BENCHMARK(BM_SwapView)
    ->Arg(400)
    ->Arg(1000)
    ->Iterations(50)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

void BM_ChangeLink(benchmark::State& state) {
  Trunks trunks(static_cast<size_t>(state.range(0)));
  bool is_up = true;
  for (auto _ : state) {
    is_up = !is_up;
    trunks.gates().SetLink(trunks.last(), is_up);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_ChangeLink)->Arg(400)->Arg(1000);

}  // namespace
}  // namespace tapswitch
