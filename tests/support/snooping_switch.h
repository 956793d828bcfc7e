// A running switch that snoops, among hosts that join groups by their own network stacks.

#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

class SnoopingSwitchTest : public SwitchTest {
 protected:
  // The switch asks hosts once, and they have a tenth of a second to answer.
  void Start(const std::vector<std::string>& ports = {"", "", ""},
             NetnsSandbox::Ipv6 ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces) {
    network_.emplace(TestNetwork::Options{.io = io(), .ports = ports, .ipv6 = ipv6});
    client_.emplace();
    client_->Call("bridge.set", {{"mcast_snooping", true},
                                 {"mcast_querier", true},
                                 {"mcast_query_response_interval", "100ms"},
                                 {"mcast_last_member_interval", "100ms"}});
    EXPECT_TRUE(WaitUntil([&] { return IsActive(); }));
  }

  // Whether the switch withholds what nobody wants.
  bool IsActive() {
    const nlohmann::json list = client_->Call("multicast.list");
    return std::ranges::all_of(list.at(0)["queriers"],
                               [](const nlohmann::json& one) { return one["active"] == true; });
  }

  // The querier of a family, igmp or mld, as `multicast show` tells it.
  nlohmann::json Querier(const std::string& family) {
    const nlohmann::json list = client_->Call("multicast.list");
    for (const nlohmann::json& one : list.at(0)["queriers"]) {
      if (one["family"] == family) return one;
    }
    return {};
  }

  bool HasEntry(const std::string& group, const std::string& port) {
    const nlohmann::json list = client_->Call("mdb.list");
    return std::ranges::any_of(list.at(0)["mdb"], [&](const nlohmann::json& row) {
      return row["grp"] == group && row["port"] == port;
    });
  }

  bool HasProblem(const std::string& problem, const std::string& where) {
    const nlohmann::json findings = client_->Call("multicast.doctor");
    return std::ranges::any_of(findings, [&](const nlohmann::json& one) {
      return one["problem"] == problem && one.value("where", "") == where;
    });
  }

  void Join(int host, const std::string& group) const {
    network_->host(host).Run("ip address add " + group + "/32 dev eth0 autojoin");
  }
  void Leave(int host, const std::string& group) const {
    network_->host(host).Run("ip address del " + group + "/32 dev eth0 autojoin");
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
};

}  // namespace tapswitch
