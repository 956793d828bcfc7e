// What is said to QEMU, and how its answers are taken.

#include "switch/control/guests/qmp_dialogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tapswitch::qmp_dialogue_test {
namespace {

using testing::HasSubstr;

constexpr std::string_view kGreeting =
    "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7}}, \"capabilities\": [\"oob\"]}}\r\n";
constexpr std::string_view kReturn = "{\"return\": {}}\r\n";

TEST(QmpDialogueTest, NegotiatesThenSetsTheLink) {
  QmpDialogue dialogue("net0", false);
  EXPECT_EQ(dialogue.TakeOutput(), "");
  dialogue.Receive(kGreeting);
  EXPECT_EQ(dialogue.TakeOutput(), "{\"execute\":\"qmp_capabilities\"}\n");
  dialogue.Receive(kReturn);
  EXPECT_EQ(dialogue.TakeOutput(),
            "{\"arguments\":{\"name\":\"net0\",\"up\":false},\"execute\":\"set_link\"}\n");
  EXPECT_FALSE(dialogue.result());
  dialogue.Receive(kReturn);
  ASSERT_TRUE(dialogue.result());
  EXPECT_TRUE(dialogue.result()->ok());
}

TEST(QmpDialogueTest, BytesMayComeOneByOneAndEventsInBetween) {
  QmpDialogue dialogue("net0", true);
  const std::string event = "{\"event\": \"STOP\", \"data\": {}}\r\n";
  const std::string all =
      event + std::string(kGreeting) + event + std::string(kReturn) + event + std::string(kReturn);
  for (const char byte : all) dialogue.Receive(std::string_view(&byte, 1));
  EXPECT_THAT(dialogue.TakeOutput(), HasSubstr("\"up\":true"));
  ASSERT_TRUE(dialogue.result());
  EXPECT_TRUE(dialogue.result()->ok());
}

TEST(QmpDialogueTest, ErrorsOfQemuAreSaidInOneLine) {
  QmpDialogue dialogue("net7", true);
  dialogue.Receive(kGreeting);
  dialogue.Receive(kReturn);
  dialogue.Receive(
      "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'net7'\\n not found\"}}\r\n");
  ASSERT_TRUE(dialogue.result());
  EXPECT_EQ(dialogue.result()->message(), "QEMU says: Device 'net7'\\x0a not found");
}

TEST(QmpDialogueTest, WhatIsNoQmpIsRefused) {
  for (const char* const text :
       {"220 mail.example ESMTP\r\n", "{}\n", "[]\n", "{\n", "{\"return\": {}}\n", "\n"}) {
    QmpDialogue dialogue("net0", true);
    dialogue.Receive(text);
    ASSERT_TRUE(dialogue.result()) << text;
    EXPECT_THAT(std::string(dialogue.result()->message()), HasSubstr("no QMP socket")) << text;
    EXPECT_EQ(dialogue.TakeOutput(), "") << text;
  }
}

TEST(QmpDialogueTest, ErrorsWithoutWordsAndOtherAnswersEndIt) {
  for (const char* const text : {"{\"error\": 5}\n", "{\"error\": {}}\n", "{\"id\": 1}\n"}) {
    QmpDialogue dialogue("net0", true);
    dialogue.Receive(kGreeting);
    dialogue.Receive(text);
    ASSERT_TRUE(dialogue.result()) << text;
    EXPECT_FALSE(dialogue.result()->ok()) << text;
  }
}

TEST(QmpDialogueTest, EndlessInputIsCutOff) {
  const std::string endless(4096, 'x');
  QmpDialogue dialogue("net0", true);
  size_t received = 0;
  for (; !dialogue.result() && received < 2 * QmpDialogue::kMostReceived; received += 4096) {
    dialogue.Receive(endless);
  }
  ASSERT_TRUE(dialogue.result());
  EXPECT_LE(received, QmpDialogue::kMostReceived + 8192);

  QmpDialogue chatty("net0", true);
  for (size_t i = 0; !chatty.result() && i < 2 * QmpDialogue::kMostReceived; i += 16) {
    chatty.Receive("{\"event\": \"STOP\"}\n");
  }
  EXPECT_TRUE(chatty.result());
}

}  // namespace
}  // namespace tapswitch::qmp_dialogue_test
