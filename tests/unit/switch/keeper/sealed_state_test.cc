// The state outlives whoever writes it, whole, and nobody changes it any more.

#include "switch/keeper/sealed_state.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace tapswitch::sealed_state_test {
namespace {

// Keeps a text as a switch does, in parts by turns.
void Keep(KeptParts& parts, std::string_view text, uint64_t sequence) {
  auto file = SealState(text, sequence);
  ASSERT_TRUE(file.ok()) << file.status();
  parts[kStateParts[sequence % 2]].files.insert_or_assign(kStateFile, *std::move(file));
}

std::string TextIn(const KeptParts& parts) {
  const auto kept = ReadKeptText(parts);
  return kept ? kept->text : "nothing";
}

// Copies the bytes to a file that can be written to.
FileDescriptor Unsealed(const FileDescriptor& sealed) {
  FileDescriptor copy(memfd_create("copy", MFD_CLOEXEC));
  std::array<char, 256> bytes{};
  const ssize_t size = pread(sealed.get(), bytes.data(), bytes.size(), 0);
  EXPECT_GT(size, 0);
  EXPECT_EQ(pwrite(copy.get(), bytes.data(), static_cast<size_t>(size), 0), size);
  return copy;
}

TEST(SealedStateTest, TheLastTextIsRead) {
  KeptParts parts;
  EXPECT_EQ(TextIn(parts), "nothing");
  uint64_t sequence = 0;
  for (const std::string text : {"one", "two, which is longer", "", "three"}) {
    Keep(parts, text, ++sequence);
    EXPECT_EQ(TextIn(parts), text);
  }
}

TEST(SealedStateTest, NobodyChangesIt) {
  const auto file = SealState("text", 1);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(pwrite(file->get(), "x", 1, 64), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(ftruncate(file->get(), 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, file->get(), 0), MAP_FAILED);
}

// A process that takes over begins to count anew.
TEST(SealedStateTest, TheLaterOneIsReadWhateverItsNumber) {
  KeptParts parts;
  Keep(parts, "of the first process", 8);
  Keep(parts, "of the second process", 1);
  EXPECT_EQ(TextIn(parts), "of the second process");
}

TEST(SealedStateTest, TheOneBeforeIsReadWhereTheLastOneIsNotWhole) {
  KeptParts parts;
  Keep(parts, "first", 1);
  Keep(parts, "second", 2);
  FileDescriptor& file = parts[kStateParts[0]].files.find(kStateFile)->second;
  file = Unsealed(file);
  const int last = file.get();
  for (const off_t place : {0, 8, 16, 32, 64, 69}) {
    uint8_t byte = 0;
    ASSERT_EQ(pread(last, &byte, 1, place), 1);
    const uint8_t wrong = byte ^ 0x80U;
    ASSERT_EQ(pwrite(last, &wrong, 1, place), 1);
    EXPECT_EQ(TextIn(parts), "first") << place;
    ASSERT_EQ(pwrite(last, &byte, 1, place), 1);
    EXPECT_EQ(TextIn(parts), "second") << place;
  }
  ASSERT_EQ(ftruncate(last, 66), 0);
  EXPECT_EQ(TextIn(parts), "first");
}

// A switch of 0.3.0 has crashed, and its package was upgraded meanwhile.
TEST(SealedStateTest, WhatVersion030HasKeptIsReadToo) {
  KeptParts parts;
  const auto sealed = SealState("earlier", 3);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  parts[kBridgePart].files.insert_or_assign("state1", Unsealed(*sealed));
  parts[kBridgePart].files.insert_or_assign("state0", Unsealed(*sealed));
  EXPECT_EQ(TextIn(parts), "earlier");
  EXPECT_EQ(CountAttempt(parts), 1U);
  EXPECT_EQ(CountAttempt(parts), 2U);
  EXPECT_EQ(TextIn(parts), "earlier");
}

TEST(SealedStateTest, AttemptsAreCountedBesideTheText) {
  KeptParts parts;
  EXPECT_EQ(CountAttempt(parts), 0U);
  auto attempts = MakeAttempts();
  ASSERT_TRUE(attempts.ok()) << attempts.status();
  parts[kBridgePart].files.insert_or_assign(kAttemptsFile, *std::move(attempts));
  EXPECT_EQ(CountAttempt(parts), 1U);
  EXPECT_EQ(CountAttempt(parts), 2U);
}

}  // namespace
}  // namespace tapswitch::sealed_state_test
