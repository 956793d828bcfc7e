#include "switch/control/metrics/loop_metrics.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace tapswitch {
namespace {

MetricFamily BatchSizes(const LoopSnapshot& loop, const Labels& labels) {
  MetricFamily family{.name = "tapswitch_loop_batch_frames",
                      .help =
                          "Frames that one turn of the loop took at once. Small is idle; mostly "
                          "in the largest bucket means that the switch works at its limit.",
                      .type = MetricType::Histogram};
  ClientMetric metric;
  metric.label = labels;
  auto& histogram = metric.histogram;
  for (size_t i = 0; i < loop.batch_sizes.size(); ++i) {
    histogram.sample_count += loop.batch_sizes[i];
    histogram.bucket.push_back(
        {.cumulative_count = histogram.sample_count, .upper_bound = ToDouble(uint64_t{1} << i)});
  }
  histogram.sample_sum = ToDouble(loop.frames);
  family.metric.push_back(std::move(metric));
  return family;
}

}  // namespace

void AppendLoopMetrics(const LoopSnapshot& loop, const Labels& labels,
                       std::vector<MetricFamily>& families) {
  families.push_back(BatchSizes(loop, labels));
  families.push_back(
      Single(MetricType::Counter, "tapswitch_loop_busy_seconds_total",
             "Processor time of the threads that forward, system calls included. Its rate is how "
             "many processors are busy with that: near --workers, frames wait in the queues of the "
             "interfaces and are lost there.",
             labels, loop.busy_seconds));
  families.push_back(
      Single(MetricType::Counter, "tapswitch_loop_ring_overflows_total",
             "Times that the kernel found the completion ring full. Nothing is lost, but it costs "
             "time: report it when it grows steadily.",
             labels, ToDouble(loop.ring_overflows)));
}

void AppendWorkerMetrics(const std::vector<LoopSnapshot>& loops, const Labels& labels,
                         std::vector<MetricFamily>& families) {
  const auto add = [&](std::string name, std::string help, auto value) {
    MetricFamily family{
        .name = std::move(name), .help = std::move(help), .type = MetricType::Counter};
    for (size_t worker = 0; worker < loops.size(); ++worker) {
      Labels own = labels;
      own.push_back({"worker", std::to_string(worker)});
      Add(family, std::move(own), value(loops[worker]));
    }
    families.push_back(std::move(family));
  };
  add("tapswitch_worker_frames_total",
      "Frames that came in by a worker's queues of the ports. When one worker has most of them, "
      "few flows make up the traffic.",
      [](const LoopSnapshot& loop) { return ToDouble(loop.frames); });
  add("tapswitch_worker_busy_seconds_total",
      "Processor time of one worker's thread, system calls included. When its rate is near 1, this "
      "worker is at its limit, unless it polls.",
      [](const LoopSnapshot& loop) { return loop.busy_seconds; });
  add("tapswitch_worker_polls_total",
      "Times that a worker polled for frames before it slept (--busy_poll). An idle switch never "
      "polls.",
      [](const LoopSnapshot& loop) { return ToDouble(loop.polls.polls); });
  add("tapswitch_worker_poll_hits_total",
      "Polls that found frames, and saved a wake-up. When most polls fail with --busy_poll=auto, "
      "report it.",
      [](const LoopSnapshot& loop) { return ToDouble(loop.polls.hits); });
  add("tapswitch_worker_poll_yields_total",
      "Times that a poll gave way to another thread. When it grows steadily, processors are "
      "scarce.",
      [](const LoopSnapshot& loop) { return ToDouble(loop.polls.yields); });
  add("tapswitch_worker_poll_seconds_total",
      "Time that a worker has polled, which tapswitch_worker_busy_seconds_total includes.",
      [](const LoopSnapshot& loop) {
        return std::chrono::duration<double>(loop.polls.spent).count();
      });
}

}  // namespace tapswitch
