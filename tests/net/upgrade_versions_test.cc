// A switch hands over to another version of itself, and that one back: each reads what the other
// says, whatever it adds and leaves out (support/other_version.cc). `tests/previous_release` does
// so with a program that was released.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "spdlog/fmt/fmt.h"
#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"

namespace tapswitch::upgrade_versions_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class UpgradeVersionsTest : public SwitchTest {
 protected:
  // TAPs, netdev ports and ends of veth pairs, with a stream at full rate between unlike ones.
  static TestNetwork::Options Mixed() {
    return {.io = io(),
            .ports = {"", "netdev", "veth", ""},
            .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces,
            .flags = {"--vlan_filtering"}};
  }

  // Has the switch taken over by one that finds it to be `other`, and the other way round. Returns
  // what was not kept.
  static json UpgradeAs(const std::string& other, SwitchProcess& process) {
    const std::string program =
        Script(fmt::format("exec " OTHER_VERSION_PATH " {} " TAPSWITCHD_PATH " \"$@\"", other));
    const json answer = ControlClient().Call("bridge.upgrade", {{"program", program}});
    EXPECT_TRUE(process.FollowSuccessor(answer.at("pid").get<pid_t>()));
    return answer.at("not_kept");
  }

  static json Config() { return ControlClient().Call("config.save"); }
};

INSTANTIATE_TEST_SUITE_P(Io, UpgradeVersionsTest, kEachIo, IoName);

TEST_P(UpgradeVersionsTest, NothingIsLostButWhatOneOfThemDoesNotKnow) {
  TestNetwork network(Mixed());
  ControlClient().Call("link.set", {{"dev", "vnet4"}, {"isolated", true}});
  ControlClient().Call("vlan.add", {{"dev", "vnet4"}, {"vid", "10-20"}});
  for (const int station : {2, 4}) {
    ControlClient().Call("fdb.add", {{"mac", Station(station).ToString()},
                                     {"dev", network.host(station).port()},
                                     {"vlan", 1},
                                     {"state", "static"}});
  }
  SteadyStream first(network.host(1), network.host(2), SteadyStream::kFullRate, 1);
  SteadyStream second(network.host(3), network.host(4), SteadyStream::kFullRate, 3);
  ASSERT_TRUE(first.DeliversMore(1000) && second.DeliversMore(1000));
  const json config = Config();
  const json address = ControlClient().Call("bridge.list")[0]["address"];

  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    EXPECT_THAT(UpgradeAs("later", network.tapswitchd()), ElementsAre(HasSubstr("of_later")));
    EXPECT_EQ(Config(), config);
    EXPECT_THAT(UpgradeAs("earlier", network.tapswitchd()), IsEmpty());
    EXPECT_EQ(Config(), config);
    ASSERT_TRUE(first.DeliversMore(1000) && second.DeliversMore(1000));
  }
  Upgrade(network.tapswitchd());

  EXPECT_EQ(Config(), config);
  EXPECT_EQ(ControlClient().Call("bridge.list")[0]["address"], address);
  EXPECT_EQ(first.Finish().fault, "");
  EXPECT_EQ(second.Finish().fault, "");
}

}  // namespace
}  // namespace tapswitch::upgrade_versions_test
