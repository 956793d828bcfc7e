// A switch with a spanning tree, and hosts that speak BPDUs.

#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "switch/protocol/stp/bpdu.h"
#include "tests/support/control_client.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

class BpduSpeakersTest : public SwitchTest {
 protected:
  void Start() {
    network_.emplace(SilentHosts(io(), 2));
    client_.emplace();
    client_->Call("bridge.set", {{"stp_state", true}, {"max_age", "6s"}, {"forward_delay", "4s"}});
  }
  nlohmann::json Port(int number) {
    return client_->Call("stp.list", {{"dev", network_->host(number).port()}}).at(0)["ports"].at(0);
  }
  void Set(int number, nlohmann::json settings) {
    settings["dev"] = network_->host(number).port();
    client_->Call("link.set", settings);
  }
  [[nodiscard]] bool WaitFor(int number, const std::string& key, const nlohmann::json& value) {
    return WaitUntil([&] { return Port(number).value(key, nlohmann::json()) == value; });
  }
  static std::vector<std::byte> Words(uint16_t priority) {
    const stp::BridgeIdentifier id{.priority = priority, .address = MacAddress::FromNumber(7)};
    const auto frame = stp::WriteBpdu(
        {.proposal = true, .priority = {.root = id, .bridge = id, .port = 0x8001}}, id.address);
    return {frame.begin(), frame.end()};
  }
  void Say(int number, uint16_t priority = 0) {
    network_->host(number).OpenPacketSocket(0).Send(Words(priority));
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
};

}  // namespace tapswitch
