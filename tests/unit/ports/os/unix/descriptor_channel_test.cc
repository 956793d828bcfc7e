// Messages with open files between two processes.

#include "ports/os/unix/descriptor_channel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tapswitch::descriptor_channel_test {
namespace {

using Clock = DescriptorChannel::Clock;
using testing::HasSubstr;

Clock::time_point Soon() { return Clock::now() + std::chrono::seconds(30); }
Clock::time_point AtOnce() { return Clock::now(); }

class DescriptorChannelTest : public testing::Test {
 protected:
  std::pair<DescriptorChannel, DescriptorChannel> ends_ = DescriptorChannel::MakePair().value();
  DescriptorChannel& first_ = ends_.first;
  DescriptorChannel& second_ = ends_.second;
};

TEST_F(DescriptorChannelTest, TextAndFilesArriveTogether) {
  const FileDescriptor file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<int> files(500, file.get());
  const std::string text(1'000'000, 'x');
  std::jthread sending([&] { EXPECT_TRUE(first_.Send(text, files, Soon()).ok()); });
  const auto message = second_.Receive(Soon());
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message->text, text);
  ASSERT_EQ(message->files.size(), files.size());
  struct stat sent {};
  struct stat received {};
  EXPECT_EQ(fstat(file.get(), &sent), 0);
  EXPECT_EQ(fstat(message->files.back().get(), &received), 0);
  EXPECT_EQ(received.st_rdev, sent.st_rdev);
}

TEST_F(DescriptorChannelTest, OneFollowsAnother) {
  ASSERT_TRUE(first_.Send("one", {}, Soon()).ok());
  ASSERT_TRUE(first_.Send("", {}, Soon()).ok());
  ASSERT_TRUE(first_.Send("three", {}, Soon()).ok());
  EXPECT_EQ(second_.Receive(Soon())->text, "one");
  EXPECT_EQ(second_.Receive(Soon())->text, "");
  EXPECT_EQ(second_.Receive(Soon())->text, "three");
}

TEST_F(DescriptorChannelTest, TheEndOfTheOtherSideIsTold) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(second_.Receive(AtOnce()).status()));
  EXPECT_FALSE(second_.WaitForEnd(AtOnce()));
  { const DescriptorChannel ended = std::move(first_); }
  EXPECT_TRUE(absl::IsUnavailable(second_.Receive(Soon()).status()));
  EXPECT_TRUE(second_.WaitForEnd(Soon()));
  EXPECT_TRUE(absl::IsUnavailable(second_.Send("late", {}, Soon())));
}

TEST_F(DescriptorChannelTest, WhatIsNoMessageIsRefused) {
  const std::string nonsense(100, 'n');
  ASSERT_EQ(send(first_.fd(), nonsense.data(), nonsense.size(), 0), 100);
  const auto refused = second_.Receive(Soon());
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(refused.status().message(), HasSubstr("no message"));
}

TEST_F(DescriptorChannelTest, AMessageThatIsCutShortIsNone) {
  ASSERT_TRUE(first_.Send("whole", {}, Soon()).ok());
  std::string wire(29, ' ');
  ASSERT_EQ(recv(second_.fd(), wire.data(), wire.size(), 0), 29);
  ASSERT_EQ(send(first_.fd(), wire.data(), 27, 0), 27);
  { const DescriptorChannel ended = std::move(first_); }
  EXPECT_TRUE(absl::IsUnavailable(second_.Receive(Soon()).status()));
}

TEST_F(DescriptorChannelTest, AReaderThatDoesNotReadIsNotWaitedForForEver) {
  std::string text;
  text.resize(10'000'000, 'x');
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      first_.Send(text, {}, Clock::now() + std::chrono::milliseconds(50))));
}

}  // namespace
}  // namespace tapswitch::descriptor_channel_test
