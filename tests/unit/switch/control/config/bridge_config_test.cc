// What has to be done to make the wanted bridge of the running one.

#include "switch/control/config/bridge_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace tapswitch::bridge_config_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PortConfig Port(const std::string& name) { return {.spec = {.name = name}}; }

BridgeConfig Bridge(const std::vector<std::string>& names) {
  BridgeConfig config;
  for (const std::string& name : names) config.ports.push_back(Port(name));
  return config;
}

TEST(BridgeConfigTest, NothingHasToBeDoneForWhatIs) {
  EXPECT_THAT(Diff(Bridge({"a", "b"}), Bridge({"a", "b"})), IsEmpty());
}

TEST(BridgeConfigTest, PortsGoBeforeOthersCome) {
  EXPECT_THAT(Diff(Bridge({"a", "b"}), Bridge({"b", "c"})),
              ElementsAre(Action(RemovePort{"a"}), Action(AddPort{Port("c")})));
}

TEST(BridgeConfigTest, ANewPortComesWithItsSettings) {
  BridgeConfig wanted = Bridge({"a"});
  wanted.ports[0].settings.isolated = true;
  EXPECT_THAT(Diff({}, wanted), ElementsAre(Action(AddPort{wanted.ports[0]})));
}

TEST(BridgeConfigTest, WhatIsSetDifferentlyIsSet) {
  const BridgeConfig running = Bridge({"a", "b"});
  BridgeConfig wanted = running;
  wanted.bridge.ageing = Ticks{100};
  wanted.port("b")->settings.locked = true;
  EXPECT_THAT(Diff(running, wanted), ElementsAre(Action(SetBridge{wanted.bridge}),
                                                 Action(SetPort{"b", wanted.port("b")->settings})));
}

TEST(BridgeConfigTest, AnotherDeviceOrTheSameOnceMoreIsOpened) {
  const BridgeConfig running = Bridge({"a"});
  BridgeConfig wanted = running;
  ++wanted.ports[0].opened;
  EXPECT_THAT(Diff(running, wanted), ElementsAre(Action(ReopenPort{wanted.ports[0]})));
  wanted = running;
  wanted.ports[0].spec.options.push_back({"mtu", "9000"});
  EXPECT_THAT(Diff(running, wanted), ElementsAre(Action(ReopenPort{wanted.ports[0]})));
}

MirrorConfig Mirror(const std::string& name, std::vector<std::string> ports, std::string to) {
  return {.name = name, .ports = std::move(ports), .destination = std::move(to)};
}

TEST(BridgeConfigTest, MirrorsGoBeforePortsDoAndComeAfterThem) {
  BridgeConfig running = Bridge({"a", "b"});
  running.mirrors = {Mirror("old", {"a"}, "b")};
  BridgeConfig wanted = Bridge({"b", "c"});
  wanted.mirrors = {Mirror("new", {"b"}, "c")};
  EXPECT_THAT(Diff(running, wanted),
              ElementsAre(Action(RemoveMirror{"old"}), Action(RemovePort{"a"}),
                          Action(AddPort{Port("c")}), Action(AddMirror{wanted.mirrors[0]})));
}

TEST(BridgeConfigTest, APortThatGoesTakesItsPartOfMirrorsAlong) {
  BridgeConfig running = Bridge({"a", "b", "c"});
  running.mirrors = {Mirror("m1", {"a", "b"}, "c"), Mirror("m2", {"b"}, "c")};
  BridgeConfig wanted = running;
  std::erase_if(wanted.ports, [](const PortConfig& port) { return port.spec.name == "b"; });
  EXPECT_THAT(Diff(running, wanted),
              ElementsAre(Action(RemoveMirror{"m1"}), Action(RemoveMirror{"m2"}),
                          Action(RemovePort{"b"}), Action(AddMirror{Mirror("m1", {"a"}, "c")})));
}

PortConfig RandomPort(std::mt19937& random, const std::string& name) {
  PortConfig port = Port(name);
  port.settings.isolated = random() % 2 == 0;
  port.settings.state = static_cast<PortState>(random() % 5);
  port.settings.fdb_max_learned = static_cast<uint32_t>(random() % 3);
  port.opened = static_cast<uint32_t>(random() % 2);
  return port;
}

BridgeConfig RandomBridge(std::mt19937& random) {
  BridgeConfig config;
  config.bridge.ageing = Ticks{random() % 3};
  config.bridge.fdb_max_learned = static_cast<uint32_t>(random() % 3);
  for (const std::string name : {"a", "b", "c", "d", "e"}) {
    if (random() % 2 == 0) config.ports.push_back(RandomPort(random, name));
  }
  return config;
}

// The order of ports is that of their coming, so it is not compared.
std::vector<PortConfig> Sorted(std::vector<PortConfig> ports) {
  std::sort(ports.begin(), ports.end(),
            [](const auto& a, const auto& b) { return a.spec.name < b.spec.name; });
  return ports;
}

TEST(BridgeConfigTest, TheActionsMakeTheWantedOfAnyOther) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    BridgeConfig running = RandomBridge(random);
    const BridgeConfig wanted = RandomBridge(random);
    for (const Action& action : Diff(running, wanted)) ApplyTo(action, running);
    ASSERT_EQ(running.bridge, wanted.bridge);
    ASSERT_EQ(Sorted(running.ports), Sorted(wanted.ports));
    ASSERT_THAT(Diff(running, wanted), IsEmpty());
  }
}

}  // namespace
}  // namespace tapswitch::bridge_config_test
