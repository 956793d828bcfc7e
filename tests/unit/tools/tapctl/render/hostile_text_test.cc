// No text from outside can control the terminal.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/support/rendered_answers.h"
#include "tools/tapctl/render/render_event.h"

namespace tapswitch::hostile_text_test {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;
using testing::Not;

TEST(PrintableTest, ControlCharactersBecomeQuestionMarks) {
  EXPECT_EQ(Printable("vnet1"), "vnet1");
  EXPECT_EQ(Printable(std::string_view("a\0b\n\r\t\x1b\x7f", 8)), "a?b?????");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "2J"),
            "??2J");
  EXPECT_EQ(Printable("M\xC3\xBCller \xC2\xA0 \xE2\x82\xAC \xC3\x9B"),
            "M\xC3\xBCller \xC2\xA0 \xE2\x82\xAC \xC3\x9B");
}

// Replaces each text in `value`, and each name of a member, by a hostile one.
Json Poisoned(const Json& value) {
  constexpr const char* kPoison = "x\033[2J\x07\n\x7f\xC2\x9B";
  if (value.is_string()) return kPoison;
  if (!value.is_structured()) return value;
  Json poisoned = value.is_array() ? Json::array() : Json::object();
  for (const auto& [key, member] : value.items()) {
    if (value.is_array()) {
      poisoned.push_back(Poisoned(member));
    } else {
      poisoned[key] = Poisoned(member);
    }
  }
  if (value.is_object()) {
    poisoned[std::string("k") + kPoison] = kPoison;
    poisoned[std::string("n") + kPoison] = 5;
  }
  return poisoned;
}

void ExpectClean(const std::string& text) {
  EXPECT_THAT(text, Not(HasSubstr("\xC2\x9B")));
  for (const char c : text) {
    ASSERT_TRUE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != '\x7f'))
        << testing::PrintToString(text);
  }
}

TEST(HostileTextTest, NoControlCharacterReachesTheTerminal) {
  struct Case {
    const char* line;
    const char* answer;
    long lines;
  };
  constexpr Case kCases[] = {
      {"fdb show", kEntries, 2},
      {"link show", kLinks, 2},
      {"port show", kPorts, 8},
      {"bridge show", kBridge, 4},
      {"save", R"(["port add v"])", 1},
      {"trace in v src 02:00:00:00:00:01 dst 02:00:00:00:00:02",
       R"({"in": "v", "stages": [{"stage": "a", "verdict": "b", "text": "c"}],
           "decision": "drop", "reason": "r", "egress": ["v"]})",
       3},
  };
  for (const Case& hostile : kCases) {
    const std::string text = Render(hostile.line, Poisoned(Json::parse(hostile.answer)).dump(),
                                    {.statistics = true, .details = true});
    ExpectClean(text);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), hostile.lines) << text;
  }
}

TEST(HostileTextTest, NorDoesOneOfAnEvent) {
  for (const char* object : {"fdb", "link", "port", "bridge", "monitor", "none"}) {
    Json event = Poisoned(Json::parse(R"({"timestamp": 1, "object": "fdb", "event": "moved",
        "mac": "02:00:00:00:00:01", "ifname": "vnet1", "flags": [], "master": "br0", "state": "",
        "from": "a", "reason": "b"})"));
    event["object"] = object;
    event["count"] = "\033[2J\n";
    event["timestamp"] = 1;
    const std::string text = RenderEvent(event, true, {});
    ExpectClean(text);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  }
}

}  // namespace
}  // namespace tapswitch::hostile_text_test
