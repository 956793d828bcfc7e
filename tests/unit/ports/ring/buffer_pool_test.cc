#include "ports/ring/buffer_pool.h"

#include <gtest/gtest.h>

#include <vector>

#include "ports/ring/address_sanitizer.h"

namespace tapswitch::buffer_pool_test {
namespace {

class BufferPoolTest : public ::testing::Test {
 protected:
  static constexpr size_t kSize = 128;
  static constexpr size_t kStride = 192;
  static constexpr BufferId kCount = 4;

  std::vector<std::byte> memory_ = std::vector<std::byte>(kCount * kStride);
  BufferPool pool_{memory_, kCount, kSize, kStride};
};

TEST_F(BufferPoolTest, AllBuffersStartAtHome) { EXPECT_EQ(pool_.out(), 0U); }

TEST_F(BufferPoolTest, BuffersStandAStrideApart) {
  EXPECT_EQ(pool_.address(0), memory_.data());
  EXPECT_EQ(pool_.address(3) - pool_.address(2), static_cast<ptrdiff_t>(kStride));
}

TEST_F(BufferPoolTest, CountsWhatIsOut) {
  const auto bytes = pool_.TakeOut(2, 60);
  EXPECT_EQ(bytes.data(), pool_.address(2));
  EXPECT_EQ(bytes.size(), 60U);
  EXPECT_EQ(pool_.out(), 1U);
  pool_.BringHome(2);
  EXPECT_EQ(pool_.out(), 0U);
}

using BufferPoolDeathTest = BufferPoolTest;

// A buffer that two frames have would be a frame of one port with the bytes of another.
TEST_F(BufferPoolDeathTest, WhatIsOutIsNotTakenOutAgain) {
  static_cast<void>(pool_.TakeOut(1, 60));
  EXPECT_DEATH(static_cast<void>(pool_.TakeOut(1, 60)), "check failed: .*is_out_");
  pool_.BringHome(1);
}

TEST_F(BufferPoolDeathTest, WhatIsAtHomeIsNotBroughtHome) {
  EXPECT_DEATH(pool_.BringHome(1), "check failed: .*is_out_");
}

TEST_F(BufferPoolDeathTest, ThereAreSoManyBuffersOfSuchASize) {
  EXPECT_DEATH(static_cast<void>(pool_.TakeOut(kCount, 60)), "check failed: id < count");
  EXPECT_DEATH(static_cast<void>(pool_.TakeOut(1, kSize + 1)), "check failed: .*length <= size_");
}

TEST_F(BufferPoolDeathTest, AllAreAtHomeAtTheEnd) {
  EXPECT_DEATH(
      {
        BufferPool pool(memory_, kCount, kSize, kStride);
        static_cast<void>(pool.TakeOut(3, 60));
      },
      "check failed: out_ == 0");
}

#if defined(TAPSWITCH_ADDRESS_SANITIZER)
TEST_F(BufferPoolTest, AFrameUsedAfterItsBufferWentHomeTraps) {
  const auto bytes = pool_.TakeOut(1, 60);
  pool_.BringHome(1);
  EXPECT_DEATH({ [[maybe_unused]] volatile std::byte read = bytes[0]; }, "use-after-poison");
}

TEST_F(BufferPoolTest, OnlyTheReceivedLengthMayBeRead) {
  const auto bytes = pool_.TakeOut(1, 60);
  EXPECT_DEATH({ [[maybe_unused]] volatile std::byte read = bytes.data()[64]; },
               "use-after-poison");
  pool_.BringHome(1);
}
#endif

}  // namespace
}  // namespace tapswitch::buffer_pool_test
