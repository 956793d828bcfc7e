#include "switch/workers/affinity.h"

#include <sched.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tapswitch {

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  cpu_set_t allowed{};
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

size_t MostWorkers(size_t processors) {
  constexpr size_t kMost = 64;
  if (processors <= 2) return std::max<size_t>(processors, 1);
  return std::min(processors - 1, kMost);
}

void PinThread(const std::vector<int>& cpus, size_t index) {
  if (cpus.empty()) return;
  const int cpu = cpus[index % cpus.size()];
  cpu_set_t wanted{};
  CPU_SET(cpu, &wanted);
  if (sched_setaffinity(0, sizeof(wanted), &wanted) == 0) return;
  spdlog::warn("worker {}: cannot be kept on processor {}: {}", index, cpu, strerror(errno));
}

}  // namespace tapswitch
