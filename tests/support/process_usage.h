// The resources that a process holds, as shown by /proc.

#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "ports/ring/address_sanitizer.h"

namespace tapswitch {

// AddressSanitizer keeps memory for a while after it was freed (quarantine), so the process grows
// in any case.
#if defined(TAPSWITCH_ADDRESS_SANITIZER)
inline constexpr size_t kHeldBackKilobytes = size_t{400} << 10U;
#else
inline constexpr size_t kHeldBackKilobytes = 0;
#endif

inline size_t OpenFiles(pid_t process) {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(process) + "/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

inline size_t ResidentKilobytes(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  std::string word;
  while (status >> word && word != "VmRSS:") {
  }
  size_t kilobytes = 0;
  status >> kilobytes;
  return kilobytes;
}

// Returns the processor time that a process has had, in clock ticks (sysconf(_SC_CLK_TCK)).
inline long ProcessorTicks(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(stat, text, ')');  // its name, which may have blanks
  for (int field = 3; field < 14; ++field) stat >> text;
  long user = 0;
  long system = 0;
  stat >> user >> system;
  return user + system;
}

// Returns how many mappings a process has of files whose path contains `text`.
inline size_t MappingsOf(pid_t process, std::string_view text) {
  std::ifstream maps("/proc/" + std::to_string(process) + "/maps");
  size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(text) != std::string::npos) ++count;
  }
  return count;
}

// Returns how often threads of a process have slept or were made to wait: each wake-up is one.
inline size_t ContextSwitches(pid_t process) {
  size_t switches = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      size_t count = 0;
      if (word.ends_with("voluntary_ctxt_switches:") && status >> count) switches += count;
    }
  }
  return switches;
}

// Returns the niceness of the threads of a process by name. That of the first is "main".
inline std::map<std::string, int> NicenessOfThreads(pid_t process) {
  std::map<std::string, int> niceness;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    const auto thread = static_cast<id_t>(std::stoi(task.path().filename()));
    if (std::stoi(task.path().filename()) == process) name = "main";
    niceness[name] = getpriority(PRIO_PROCESS, thread);
  }
  return niceness;
}

// Whether a thread of the process runs before all that are no real-time threads.
inline bool HasRealTimeThreads(pid_t process) {
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(process) + "/task");
  return std::any_of(begin(tasks), end(tasks), [](const auto& task) {
    return sched_getscheduler(std::stoi(task.path().filename())) != SCHED_OTHER;
  });
}

}  // namespace tapswitch
