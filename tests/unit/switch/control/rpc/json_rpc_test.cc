#include "switch/control/rpc/json_rpc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/rpc/request_parser.h"

namespace tapswitch::json_rpc_test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

// The methods that the examples of the specification use, by name, and one that fails as told.
absl::StatusOr<JsonText> Handle(const std::string& method, const Json& params) {
  if (method == "subtract") {
    if (!params.contains("minuend") || !params.contains("subtrahend")) {
      return absl::InvalidArgumentError("minuend or subtrahend is missing");
    }
    return params["minuend"].get<int>() - params["subtrahend"].get<int>();
  }
  if (method == "get_data") return Json{"hello", 5};
  if (method == "params") return params;
  if (method == "refuse") return absl::ResourceExhaustedError("port 'v\xff': no room");
  if (method == "throw") return params.at("missing");
  if (method == "update" || method == "notify_hello") return nullptr;
  return absl::UnimplementedError("method '" + method + "' is not known");
}

std::string Answer(std::string_view line) { return AnswerLine(line, Handle); }

// The reply as a document; an empty one (null) when there is none.
Json Reply(std::string_view line) {
  const std::string reply = Answer(line);
  if (reply.empty()) return nullptr;
  EXPECT_EQ(reply.back(), '\n');
  EXPECT_EQ(reply.find('\n'), reply.size() - 1) << "a reply is one line";
  Json parsed = Json::parse(reply, nullptr, false);
  EXPECT_FALSE(parsed.is_discarded()) << reply;
  return parsed;
}

int Code(const Json& reply) { return reply.at("error").at("code").get<int>(); }
std::string Message(const Json& reply) { return reply.at("error").at("message"); }

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string BatchOf(size_t count, const std::string& request) {
  std::string batch = "[";
  for (size_t i = 0; i < count; ++i) batch += (i == 0 ? "" : ",") + request;
  return batch + "]";
}

// --- Section 7 of the specification. Messages of errors are left open by it; positional parameters
// --- are not supported here.

struct Example {
  std::string name;
  std::string request;
  std::string reply;  // "" for none; messages of errors left out
};

void PrintTo(const Example& example, std::ostream* os) { *os << example.name; }

class SpecificationTest : public testing::TestWithParam<Example> {};

void RemoveMessages(Json& reply) {
  if (reply.is_array()) {
    for (Json& each : reply) RemoveMessages(each);
  } else if (reply.contains("error")) {
    EXPECT_THAT(Message(reply), testing::Not(IsEmpty()));
    reply["error"].erase("message");
  }
}

TEST_P(SpecificationTest, IsAnsweredAsItSays) {
  Json reply = Reply(GetParam().request);
  if (GetParam().reply.empty()) {
    EXPECT_EQ(reply, nullptr);
    return;
  }
  RemoveMessages(reply);
  EXPECT_EQ(reply, Json::parse(GetParam().reply));
}

INSTANTIATE_TEST_SUITE_P(
    Section7, SpecificationTest,
    testing::Values(
        Example{"NamedParameters",
                R"({"jsonrpc":"2.0","method":"subtract",)"
                R"("params":{"subtrahend":23,"minuend":42},"id":3})",
                R"({"jsonrpc":"2.0","result":19,"id":3})"},
        Example{"NamedParametersInAnotherOrder",
                R"({"jsonrpc":"2.0","method":"subtract",)"
                R"("params":{"minuend":42,"subtrahend":23},"id":4})",
                R"({"jsonrpc":"2.0","result":19,"id":4})"},
        Example{"PositionalParameters",
                R"({"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":1})",
                R"({"jsonrpc":"2.0","error":{"code":-32602},"id":1})"},
        Example{"Notification", R"({"jsonrpc":"2.0","method":"update","params":[1,2,3,4,5]})", ""},
        Example{"NotificationOfUnknownMethod", R"({"jsonrpc":"2.0","method":"foobar"})", ""},
        Example{"UnknownMethod", R"({"jsonrpc":"2.0","method":"foobar","id":"1"})",
                R"({"jsonrpc":"2.0","error":{"code":-32601},"id":"1"})"},
        Example{"InvalidJson", R"({"jsonrpc":"2.0","method":"foobar,"params":"bar","baz])",
                R"({"jsonrpc":"2.0","error":{"code":-32700},"id":null})"},
        Example{"InvalidRequest", R"({"jsonrpc":"2.0","method":1,"params":"bar"})",
                R"({"jsonrpc":"2.0","error":{"code":-32600},"id":null})"},
        Example{
            "BatchOfInvalidJson",
            R"([{"jsonrpc":"2.0","method":"sum","params":{},"id":"1"},{"jsonrpc":"2.0","method")",
            R"({"jsonrpc":"2.0","error":{"code":-32700},"id":null})"},
        Example{"EmptyBatch", "[]", R"({"jsonrpc":"2.0","error":{"code":-32600},"id":null})"},
        Example{"InvalidBatch", "[1]", R"([{"jsonrpc":"2.0","error":{"code":-32600},"id":null}])"},
        Example{"InvalidBatchOfThree", "[1,2,3]",
                R"([{"jsonrpc":"2.0","error":{"code":-32600},"id":null},
                    {"jsonrpc":"2.0","error":{"code":-32600},"id":null},
                    {"jsonrpc":"2.0","error":{"code":-32600},"id":null}])"},
        Example{"MixedBatch",
                R"([{"jsonrpc":"2.0","method":"params","params":{"a":7},"id":"1"},)"
                R"({"jsonrpc":"2.0","method":"notify_hello","params":{"b":7}},)"
                R"({"jsonrpc":"2.0","method":"subtract",)"
                R"("params":{"minuend":42,"subtrahend":23},"id":"2"},)"
                R"({"foo":"boo"},)"
                R"({"jsonrpc":"2.0","method":"foo.get","params":{"name":"myself"},"id":"5"},)"
                R"({"jsonrpc":"2.0","method":"get_data","id":"9"}])",
                R"([{"jsonrpc":"2.0","result":{"a":7},"id":"1"},
                    {"jsonrpc":"2.0","result":19,"id":"2"},
                    {"jsonrpc":"2.0","error":{"code":-32600},"id":null},
                    {"jsonrpc":"2.0","error":{"code":-32601},"id":"5"},
                    {"jsonrpc":"2.0","result":["hello",5],"id":"9"}])"},
        Example{"BatchOfNotifications",
                R"([{"jsonrpc":"2.0","method":"update","params":{"a":1}},)"
                R"({"jsonrpc":"2.0","method":"notify_hello","params":{"a":7}}])",
                ""}),
    [](const auto& example) { return example.param.name; });

// --- Ids.

class IdTest : public testing::TestWithParam<std::string> {};

TEST_P(IdTest, IsEchoedAsItWasWritten) {
  const std::string& id = GetParam();
  const std::string request = fmt::format(R"({{"jsonrpc":"2.0","method":"params","id":{}}})", id);
  const std::string reply = fmt::format(R"({{"jsonrpc":"2.0","result":{{}},"id":{}}})", id);
  EXPECT_EQ(Answer(request), reply + "\n");
  EXPECT_THAT(Answer("[1," + request + "]"), EndsWith("," + reply + "]\n")) << "in a batch";
}

INSTANTIATE_TEST_SUITE_P(All, IdTest,
                         testing::Values("null", "0", "-1", "9007199254740993",
                                         "18446744073709551615", "18446744073709551616",
                                         "-9223372036854775809",
                                         "123456789012345678901234567890123456789012", "1.50",
                                         "1e3", R"("")", R"("é\n\"")", R"("\u0000")"));

TEST(JsonRpc, RefusesAnIdThatIsNoneAndAnswersWithNull) {
  for (const std::string id : {"true", "[1.5]", "{}", R"({"id":1.5})"}) {
    const Json reply = Reply(fmt::format(R"({{"jsonrpc":"2.0","method":"params","id":{}}})", id));
    EXPECT_EQ(Code(reply), -32600) << id;
    EXPECT_EQ(reply.at("id"), nullptr) << id;
  }
}

TEST(JsonRpc, TakesTheLastOfTwoIds) {
  EXPECT_EQ(Reply(R"({"jsonrpc":"2.0","method":"params","id":1.5,"id":2})").at("id"), 2);
  EXPECT_EQ(Reply(R"({"jsonrpc":"2.0","method":"params","id":1,"id":2.5})").at("id"), 2.5);
}

TEST(JsonRpc, DoesNotTakeAnIdAmongTheParametersForTheRequestsOwn) {
  EXPECT_EQ(Reply(R"({"jsonrpc":"2.0","method":"params","params":{"id":7.5},"id":2})"),
            Json::parse(R"({"jsonrpc":"2.0","result":{"id":7.5},"id":2})"));
  EXPECT_EQ(Answer(R"({"jsonrpc":"2.0","method":"params","params":{"id":7.5}})"), "");
}

TEST(JsonRpc, NamesTheIdOfAnInvalidRequestThatHasOne) {
  EXPECT_EQ(Reply(R"({"jsonrpc":"1.0","method":"params","id":5})").at("id"), 5);
}

// --- Requests and parameters.

TEST(JsonRpc, RefusesWhatIsNoRequestAndSaysWhatIsMissing) {
  const std::map<std::string, std::string> faults = {
      {"1", "object"},
      {R"("text")", "object"},
      {R"({"method":"params","id":1})", "jsonrpc"},
      {R"({"jsonrpc":2.0,"method":"params","id":1})", "jsonrpc"},
      {R"({"jsonrpc":"2.0","id":1})", "method"},
      {R"({"jsonrpc":"2.0","method":null,"id":1})", "method"},
      {R"({"jsonrpc":"2.0","method":"params","params":1,"id":1})", "params"},
      {R"({"jsonrpc":"2.0","method":"params","params":null,"id":1})", "params"},
  };
  for (const auto& [request, named] : faults) {
    const Json reply = Reply(request);
    EXPECT_EQ(Code(reply), -32600) << request;
    EXPECT_THAT(Message(reply), HasSubstr(named)) << request;
  }
}

TEST(JsonRpc, HandsOverAnEmptyObjectWhenThereAreNoParameters) {
  EXPECT_EQ(Reply(R"({"jsonrpc":"2.0","method":"params","id":1})").at("result"), Json::object());
}

TEST(JsonRpc, PerformsANotificationThatItDoesNotAnswer) {
  std::vector<std::string> called;
  const auto record = [&](const std::string& method, const Json&) -> absl::StatusOr<JsonText> {
    called.push_back(method);
    return nullptr;
  };
  EXPECT_EQ(AnswerLine(R"({"jsonrpc":"2.0","method":"one"})", record), "");
  EXPECT_THAT(called, testing::ElementsAre("one"));
}

TEST(JsonRpc, GivesEachStatusItsCodeAndItsMessage) {
  const std::vector<std::pair<absl::Status, int>> codes = {
      {absl::InvalidArgumentError("why"), -32602},
      {absl::UnimplementedError("why"), -32601},
      {absl::NotFoundError("why"), 1},
      {absl::FailedPreconditionError("why"), 1},
      {absl::InternalError("why"), 1},
      {absl::AlreadyExistsError("why"), 1},
  };
  for (const auto& [status, code] : codes) {
    const Json reply = Json::parse(
        AnswerLine(R"({"jsonrpc":"2.0","method":"m","id":1})",
                   [result = status](const std::string&, const Json&) -> absl::StatusOr<JsonText> {
                     return result;
                   }));
    EXPECT_EQ(Code(reply), code) << status;
    EXPECT_EQ(Message(reply), "why");
    EXPECT_EQ(reply.at("id"), 1);
  }
}

TEST(JsonRpc, ReplacesBytesOfAMessageThatAreNotUtf8) {
  EXPECT_EQ(Message(Reply(R"({"jsonrpc":"2.0","method":"refuse","id":1})")),
            "port 'v\xEF\xBF\xBD': no room");
}

TEST(JsonRpc, AnswersForAHandlerThatThrows) {
  EXPECT_EQ(Code(Reply(R"({"jsonrpc":"2.0","method":"throw","id":1})")), -32603);
}

// --- Hostile text.

TEST(JsonRpc, RefusesWhatIsNotJson) {
  const std::string valid = R"({"jsonrpc":"2.0","method":"params","id":1})";
  using namespace std::string_literals;
  for (const std::string& line :
       {""s, " "s, "\0"s, "{"s, "nul"s, valid + valid, valid + "\0x"s, "\"\xff\""s, "\"\xc0\x80\""s,
        "\"\xed\xa0\x80\""s, R"("\ud800")"s, "\"\0\""s, "[1e999]"s, "[NaN]"s, "// c"s}) {
    EXPECT_EQ(Code(Reply(line)), -32700) << line;
  }
}

TEST(JsonRpc, LimitsHowDeepARequestIsNested) {
  EXPECT_EQ(Code(Reply(Nested(kMaxJsonDepth)).at(0)), -32600);
  EXPECT_EQ(Code(Reply(Nested(kMaxJsonDepth + 1))), -32700);
  EXPECT_EQ(Code(Reply(std::string(1U << 20U, '['))), -32700);
  EXPECT_EQ(Code(Reply(Json(std::string(100, '[')).dump())), -32600) << "brackets in a string";
}

TEST(JsonRpc, LimitsTheSizeOfABatch) {
  const std::string request = R"({"jsonrpc":"2.0","method":"update","id":1})";
  EXPECT_EQ(Reply(BatchOf(kMaxBatch, request)).size(), kMaxBatch);
  const Json reply = Reply(BatchOf(kMaxBatch + 1, request));
  EXPECT_EQ(Code(reply), -32600);
  EXPECT_THAT(Message(reply), HasSubstr("1001"));
}

TEST(JsonRpc, DoesNothingMoreOfABatchWhoseReplyIsTooLong) {
  // Given a method with a long result, and a batch that calls it often and then notifies.
  const std::string long_text(1U << 20U, 'x');
  int calls = 0;
  int notifications = 0;
  const auto handler = [&](const std::string& method, const Json&) -> absl::StatusOr<JsonText> {
    ++(method == "long" ? calls : notifications);
    return long_text;
  };
  std::string batch = BatchOf(100, R"({"jsonrpc":"2.0","method":"long","id":1})");
  batch.back() = ',';
  batch += R"({"jsonrpc":"2.0","method":"notify"}])";

  // When it is answered.
  const std::string reply = AnswerLine(batch, handler);

  // Then the reply is bounded, each request has its answer, and what is not done is told so.
  EXPECT_LT(reply.size(), kMaxBatchReply + 2 * long_text.size());
  const Json parsed = Json::parse(reply);
  ASSERT_EQ(parsed.size(), 100U);
  EXPECT_EQ(calls, 16);
  EXPECT_EQ(Code(parsed.back()), 1);
  EXPECT_EQ(notifications, 1) << "notifications make no reply, so they are still performed";
}

// --- Lines of its own.

TEST(JsonRpc, WritesNotifications) {
  EXPECT_EQ(NotificationLine("monitor.event", {{"object", "fdb"}}),
            R"({"jsonrpc":"2.0","method":"monitor.event","params":{"object":"fdb"}})"
            "\n");
}

TEST(JsonRpc, WritesErrorsWithoutARequest) {
  EXPECT_EQ(ErrorLine(RpcError::kRefused, "say \"please\""),
            R"({"jsonrpc":"2.0","error":{"code":1,"message":"say \"please\""},"id":null})"
            "\n");
}

}  // namespace
}  // namespace tapswitch::json_rpc_test
