// The state outlives whoever writes it, whole.

#include "switch/keeper/state_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace tapswitch::state_memory_test {
namespace {

PortHandover FilesOf(const StateMemory& memory) {
  PortHandover files;
  EXPECT_TRUE(memory.HandOver(files));
  return files;
}

std::string TextIn(const PortHandover& files) {
  const auto content = StateMemory::Read(files);
  return content ? content->text : "nothing";
}

TEST(StateMemoryTest, TheLastTextIsRead) {
  auto memory = StateMemory::Create().value();
  const PortHandover files = FilesOf(memory);
  EXPECT_EQ(TextIn(files), "nothing");
  for (const std::string text : {"one", "two, which is longer", "", "three"}) {
    EXPECT_TRUE(memory.Write(text).ok());
    EXPECT_EQ(TextIn(files), text);
  }
}

// As if the process had been killed while it wrote.
TEST(StateMemoryTest, TheOneBeforeIsReadWhereTheLastOneIsNotWhole) {
  auto memory = StateMemory::Create().value();
  const PortHandover files = FilesOf(memory);
  ASSERT_TRUE(memory.Write("first").ok());   // in the second file
  ASSERT_TRUE(memory.Write("second").ok());  // in the first file
  const int last = files.files.at("state0").get();
  for (const off_t place : {0, 8, 16, 32, 64, 69}) {
    uint8_t byte = 0;
    ASSERT_EQ(pread(last, &byte, 1, place), 1);
    const uint8_t wrong = byte ^ 0x80U;
    ASSERT_EQ(pwrite(last, &wrong, 1, place), 1);
    EXPECT_EQ(TextIn(files), "first") << place;
    ASSERT_EQ(pwrite(last, &byte, 1, place), 1);
    EXPECT_EQ(TextIn(files), "second") << place;
  }
  ASSERT_EQ(ftruncate(last, 66), 0);
  EXPECT_EQ(TextIn(files), "first");
}

TEST(StateMemoryTest, AttemptsAreCountedBesideTheText) {
  auto memory = StateMemory::Create().value();
  const PortHandover files = FilesOf(memory);
  ASSERT_TRUE(memory.Write("text").ok());
  EXPECT_EQ(StateMemory::CountAttempt(files), 1U);
  ASSERT_TRUE(memory.Write("more").ok());
  EXPECT_EQ(StateMemory::CountAttempt(files), 2U);
  EXPECT_EQ(TextIn(files), "more");
}

}  // namespace
}  // namespace tapswitch::state_memory_test
