// The resources that a process holds, as shown by /proc.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

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

}  // namespace tapswitch
