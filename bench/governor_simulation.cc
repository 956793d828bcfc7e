// Simulates the governors of workers and of polling on machines with more processors than this one:
// the real state machines, driven by a model of the machine.
//
// The model of forwarding. A unit of work takes a worker 1.0 us, of which 0.014 us are under the
// lock on the bridge (measured: 20 of 1,400 ns), and takes the hosts, which send and receive, 1.6
// us on whatever processors are left. A port is a flow that offers all it can. Each period's work
// is disturbed by 5 %, as the scheduler does.
//
// The model of polling. Round trips with a gap of some time; a poll is interrupted when another
// thread wants its processor, which is as likely as the other processors are busy.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>

#include "switch/workers/affinity.h"
#include "switch/workers/polling/poll_governor.h"
#include "switch/workers/sharing/worker_governor.h"

namespace tapswitch {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Span = std::chrono::nanoseconds;

constexpr Span kPeriod = milliseconds(10);
constexpr double kWorkerCost = 1.0;
constexpr double kLockedCost = 0.014;
constexpr double kHostCost = 1.6;
constexpr double kDisturbance = 0.05;
constexpr int kPeriods = 6000;  // a minute

// Units of work a microsecond, by so many workers.
double Carried(double processors, double workers) {
  const double by_workers = workers / kWorkerCost;
  const double by_lock = 1 / kLockedCost;
  const double by_machine = processors / (kWorkerCost + kHostCost);
  return std::min({by_workers, by_lock, by_machine});
}

void SimulateWorkers(size_t processors, size_t ports, std::mt19937_64& random) {
  std::normal_distribution<double> disturbance(1, kDisturbance);
  const auto most = static_cast<double>(std::min(MostWorkers(processors), ports));
  const auto cpus = static_cast<double>(processors);
  const double alone = Carried(cpus, 1);
  const double shared = Carried(cpus, most);
  WorkerGovernor governor;
  int periods_shared = 0;
  int changes = 0;
  double work = 0;
  for (int i = 0; i < kPeriods; ++i) {
    const double workers = governor.shared() ? most : 1;
    const double rate = (governor.shared() ? shared : alone) * std::max(0.5, disturbance(random));
    const double busy = std::min(1.0, rate * kWorkerCost / workers);
    const auto busy_time = Span(static_cast<int64_t>(busy * static_cast<double>(kPeriod.count())));
    const double done = rate * static_cast<double>(kPeriod.count()) / 1000;
    work += done;
    periods_shared += governor.shared() ? 1 : 0;
    const auto advice = governor.OnPeriod({.length = kPeriod,
                                           .busy = busy_time,
                                           .busy_of_all = busy_time * static_cast<int>(workers),
                                           .work = static_cast<uint64_t>(done),
                                           .loaded_ports = ports});
    if (advice == WorkerGovernor::Advice::kStay) continue;
    ++changes;
    if (advice == WorkerGovernor::Advice::kShare) governor.OnShared();
  }
  const double best =
      std::max(alone, shared) * kPeriods * static_cast<double>(kPeriod.count()) / 1e3;
  std::printf("%10zu %6zu %8.0f %12.2f %11.0f %8d %13.3f\n", processors, ports, most,
              shared / alone, 100.0 * periods_shared / kPeriods, changes, work / best);
}

void SimulatePolling(size_t processors, microseconds gap, double load, std::mt19937_64& random) {
  constexpr int kArrivals = 100'000;
  constexpr Span kWakeUp = microseconds(15);
  std::exponential_distribution<double> jitter(1);
  // Another thread comes to this processor while it polls, as often as all the others are busy.
  const double contention = std::pow(load, static_cast<double>(processors - 1));
  std::bernoulli_distribution contended(contention);
  PollGovernor governor;
  int hits = 0;
  Span polled{0};
  Span latency{0};
  for (int i = 0; i < kArrivals; ++i) {
    const Span wait(static_cast<int64_t>(static_cast<double>(Span(gap).count()) *
                                         (0.8 + 0.2 * jitter(random))));
    const Span window = governor.window();
    const bool gives_way = window > Span(0) && contended(random);
    const bool hit = wait <= window && !gives_way;
    hits += hit ? 1 : 0;
    if (!gives_way) polled += std::min(wait, window);
    if (gives_way) governor.OnContention(microseconds(20));
    if (!hit) latency += kWakeUp;
    governor.OnArrival(hit ? wait : wait + kWakeUp);
  }
  std::printf("%10zu %6ld %6.2f %7.0f %15.1f %15.1f\n", processors, static_cast<long>(gap.count()),
              load, 100.0 * hits / kArrivals,
              static_cast<double>(polled.count()) / kArrivals / 1000,
              static_cast<double>(latency.count()) / kArrivals / 1000);
}

}  // namespace
}  // namespace tapswitch

int main() {
  std::mt19937_64 random(1);
  std::printf("processors  ports  workers  model's gain  %% of time   changes  of the best\n");
  for (const size_t processors : {2U, 4U, 16U, 64U}) {
    for (const size_t ports : {2U, 4U, 16U, 64U}) {
      tapswitch::SimulateWorkers(processors, ports, random);
    }
  }
  std::printf("\nprocessors gap,us   load  hits,%%  polled,us each  wake-ups,us each\n");
  for (const size_t processors : {2U, 4U, 16U, 64U}) {
    for (const int gap : {10, 30, 500}) {
      for (const double load : {0.2, 0.9}) {
        tapswitch::SimulatePolling(processors, std::chrono::microseconds(gap), load, random);
      }
    }
  }
  return 0;
}
