// What a TAP with two queues costs while it is idle. The kernel makes a device of 256 queues of it,
// and once made a queueing discipline with three rings for each: 6.6 MiB a TAP.

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "ports/interface/tap/tap_device.h"
#include "spdlog/fmt/fmt.h"
#include "tests/support/netns_sandbox.h"

namespace tapswitch::multi_queue_tap_memory_test {
namespace {

// KiB of the kernel's own memory.
size_t Slab() {
  std::ifstream file("/proc/meminfo");
  for (std::string key; file >> key;) {
    if (size_t kib = 0; key == "Slab:" && file >> kib) return kib;
  }
  return 0;
}

TEST(MultiQueueTapMemoryTest, HasNoQueueingDisciplineForEachOfItsQueues) {
  NetnsSandbox sandbox;
  constexpr size_t kTaps = 40;
  std::vector<TapDevice> taps;
  const size_t before = Slab();
  for (size_t i = 0; i < kTaps; ++i) {
    auto tap = OpenTap({.name = fmt::format("v{}", i), .queues = 2}, 2);
    ASSERT_TRUE(tap.ok()) << tap.status();
    ASSERT_EQ(tap->more_queues.size(), 1U);
    taps.push_back(*std::move(tap));
  }
  // Other processes use the kernel's memory, too, so the bound is far above what is needed, and far
  // below what it was.
  constexpr size_t kKibATap = 1024;
  const size_t after = Slab();
  EXPECT_LE(after, before + kTaps * kKibATap);
}

}  // namespace
}  // namespace tapswitch::multi_queue_tap_memory_test
