// A new process that does not get to take over from the switch: the old one goes on, whatever is
// wrong with the new one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/process_usage.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"

namespace tapswitch::upgrade_refused_test {
namespace {

using testing::HasSubstr;

class BadSuccessorTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(SilentHosts(io(), 2));
    stream_.emplace(network_->host(1), network_->host(2), SteadyStream::kFullRate);
    ASSERT_TRUE(stream_->DeliversMore(1000));
  }

  // Has it called for, and returns why it is refused. The switch goes on.
  std::string Refused(const std::string& program) {
    ControlClient client;
    std::string why = client.Refused("bridge.upgrade", {{"program", program}});
    EXPECT_TRUE(stream_->DeliversMore(SteadyStream::kFullRate));
    EXPECT_EQ(client.Call("bridge.list")[0]["pid"], network_->tapswitchd().pid());
    EXPECT_FALSE(HasRealTimeThreads(network_->tapswitchd().pid()));
    client.Call("port.add", {{"port", "extra"}});
    client.Call("port.del", {{"name", "extra"}});
    return why;
  }

  void TearDown() override {
    if (!stream_) return;
    EXPECT_EQ(stream_->Finish().fault, "");
    Upgrade(network_->tapswitchd());  // the right one still can
  }

  std::optional<TestNetwork> network_;
  std::optional<SteadyStream> stream_;
};
INSTANTIATE_TEST_SUITE_P(Io, BadSuccessorTest, kEachIo, IoName);

TEST_P(BadSuccessorTest, OneThatIsMissing) {
  EXPECT_THAT(Refused("/nowhere/tapswitchd"), HasSubstr("cannot be started"));
}

TEST_P(BadSuccessorTest, OneThatIsAnotherProgram) {
  EXPECT_THAT(Refused("/bin/true"), HasSubstr("goes on"));
}

TEST_P(BadSuccessorTest, OneThatHangs) {
  EXPECT_THAT(Refused(Script("exec sleep 60")), HasSubstr("does not answer"));
}

TEST_P(BadSuccessorTest, OneThatSaysNonsense) {
  EXPECT_THAT(Refused(Script("echo nonsense nonsense nonsense >&${1#*=}; sleep 1")),
              HasSubstr("no message of a switch"));
}

TEST_P(BadSuccessorTest, OneThatHasOtherFlags) {
  EXPECT_THAT(Refused(Script("exec " TAPSWITCHD_PATH " --name=other --io=" + io() + " \"$1\"")),
              HasSubstr("control socket"));
}

// Signs and ends as if it were ready, and never says that it forwards.
TEST_P(BadSuccessorTest, OneThatHangsDuringTheSwitchOver) {
  EXPECT_THAT(Refused(Script(R"(exec python3 -c '
import socket, struct, sys
channel = socket.socket(fileno=int(sys.argv[1].split("=")[1]))
channel.setblocking(True)
text = b"{\"format\":1,\"kind\":\"ready\"}"
channel.sendall(struct.pack("QQQ", 0x7461707368616e64, len(text), 0) + text)
while channel.recv(65536): pass
' "$1")")),
              HasSubstr("does not answer"));
}

}  // namespace
}  // namespace tapswitch::upgrade_refused_test
