// The carrier that the other end of a link sees, off and on by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "tests/support/control_client.h"
#include "tests/support/fake_qemu.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::link_carrier_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class LinkCarrierTest : public SwitchTest {
 protected:
  void Begin(const std::string& ports) {
    network_.reset();
    network_.emplace(TestNetwork::Options{.io = io(), .ports = {ports, ports}});
  }

  std::string Tapctl(const std::string& words) {
    const auto result = network_->sandbox().TryRun(TAPCTL_PATH " " + words);
    EXPECT_EQ(result.status, 0) << words << ": " << result.output;
    return result.output;
  }
  json PortAt(int host) {
    return json::parse(Tapctl("-j port show vnet" + std::to_string(host))).at(0);
  }
  // What is said of the guest at the port `guest`.
  std::string GuestDetail(const std::string& name) {
    return json::parse(Tapctl("-j port show guest")).at(0).at("details").value(name, "");
  }
  // What the station's own network stack says.
  bool HasCarrier(int host) {
    const std::string link = network_->host(host).Run("ip link show dev eth0");
    return link.find("LOWER_UP") != std::string::npos;
  }
  bool Reaches() {
    const std::string to = network_->host(2).address(IpVersion::kV4);
    return network_->host(1).TryRun("ping -q -i 0.1 -c 1 -w 10 " + to).status == 0;
  }

  void ExpectOffAndOn() {
    EXPECT_TRUE(Reaches());
    Tapctl("link carrier dev vnet2 off");
    EXPECT_TRUE(WaitUntil([&] { return !HasCarrier(2); }));
    EXPECT_TRUE(HasCarrier(1));
    const json port = PortAt(2);
    EXPECT_EQ(port["link"], "down");
    EXPECT_EQ(port["reason"], "carrier off by hand");
    EXPECT_EQ(port["state"], "disabled");
    EXPECT_EQ(port["carrier"], false);
    EXPECT_THAT(Tapctl("show"), HasSubstr("tapctl link carrier dev vnet2 on"));
    EXPECT_THAT(Tapctl("save"), HasSubstr("link carrier dev vnet2 off"));
    Tapctl("link carrier dev vnet2 on");
    EXPECT_TRUE(WaitUntil([&] { return HasCarrier(2) && PortAt(2)["link"] == "up"; }));
    EXPECT_TRUE(Reaches());
  }

  std::optional<TestNetwork> network_;
};
INSTANTIATE_TEST_SUITE_P(Io, LinkCarrierTest, kEachIo, IoName);

TEST_P(LinkCarrierTest, StationAtATapSeesIt) {
  Begin("");
  ExpectOffAndOn();
}

TEST_P(LinkCarrierTest, StationAtAPairThatTheSwitchMadeSeesIt) {
  Begin("veth");
  ExpectOffAndOn();
}

TEST_P(LinkCarrierTest, StationAtAnyVethSeesIt) {
  Begin("netdev");
  ExpectOffAndOn();
}

TEST_P(LinkCarrierTest, OtherInterfacesAreRefusedWithTheCure) {
  Begin("");
  network_->sandbox().Run("ip tuntap add dev tap7 mode tap");
  Tapctl("port add netdev:tap7");
  const auto refused = network_->sandbox().TryRun(TAPCTL_PATH " link carrier dev tap7 off");
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output, HasSubstr("set_link"));
  Tapctl("port add unix:guest,path=/run/guest.sock");
  const auto socket = network_->sandbox().TryRun(TAPCTL_PATH " link carrier dev guest off");
  EXPECT_EQ(socket.status, 2);
  EXPECT_THAT(socket.output, HasSubstr("state disabled"));
}

TEST_P(LinkCarrierTest, GuestIsToldByItsQemu) {
  Begin("");
  FakeQemu qemu("/run/vm.qmp");
  Tapctl("port add unix:guest,path=/run/guest.sock");
  Tapctl("link carrier dev guest off qmp /run/vm.qmp id net0");
  EXPECT_TRUE(WaitUntil([&] { return qemu.Has(false); }));
  EXPECT_THAT(Tapctl("save"), HasSubstr("link carrier dev guest off qmp /run/vm.qmp id net0"));
  EXPECT_TRUE(WaitUntil([&] { return GuestDetail("qmp_told") == "carrier off"; }));
  Tapctl("link carrier dev guest on");
  EXPECT_TRUE(WaitUntil([&] { return qemu.Has(true); }));

  // What is told by hand is told again, as the guest may have started anew.
  Tapctl("link carrier dev guest on");
  EXPECT_TRUE(WaitUntil([&] { return qemu.links().size() == 3; }));
  Tapctl("link carrier dev guest flap period 200ms count 20");
  EXPECT_TRUE(WaitUntil([&] { return qemu.Has(false); }));
  Tapctl("link carrier dev guest on");
  EXPECT_TRUE(WaitUntil([&] { return qemu.Has(true); }));
}

TEST_P(LinkCarrierTest, GuestThatIsNotThereYetIsToldLater) {
  Begin("");
  Tapctl("port add unix:guest,path=/run/guest.sock");
  EXPECT_THAT(Tapctl("link carrier dev guest off qmp /run/vm.qmp id net0"),
              HasSubstr("not told yet"));
  EXPECT_THAT(GuestDetail("qmp_problem"), HasSubstr("No such file"));
  EXPECT_THAT(Tapctl("show"), HasSubstr("guest is not told of its carrier"));
  FakeQemu qemu("/run/vm.qmp");
  EXPECT_TRUE(WaitUntil([&] { return qemu.Has(false); }));
  EXPECT_TRUE(WaitUntil([&] { return GuestDetail("qmp_problem").empty(); }));
  Tapctl("port del guest");
  EXPECT_TRUE(WaitUntil([&] { return qemu.Has(true); }));
}

TEST_P(LinkCarrierTest, GuestThatIsForgottenSeesACarrierAgain) {
  Begin("");
  FakeQemu qemu("/run/vm.qmp");
  Tapctl("link carrier dev vnet2 off qmp /run/vm.qmp id net0");
  EXPECT_TRUE(WaitUntil([&] { return qemu.Has(false); }));
  EXPECT_TRUE(HasCarrier(2));
  Tapctl("link carrier dev vnet2 off qmp off");
  EXPECT_TRUE(WaitUntil([&] { return qemu.Has(true); }));
  EXPECT_TRUE(WaitUntil([&] { return !HasCarrier(2); }));
  EXPECT_THAT(Tapctl("save"), HasSubstr("link carrier dev vnet2 off\n"));
}

TEST_P(LinkCarrierTest, WrongWordsAboutGuestsChangeNothing) {
  Begin("");
  const std::string before = Tapctl("save");
  for (const char* const words :
       {"off qmp vm.qmp id net0", "off qmp /run/vm.qmp", "off id net0", "off qmp /run/vm.qmp id 0",
        "off qmp off id net0", "flap qmp /run/vm.qmp id net0"}) {
    const auto refused =
        network_->sandbox().TryRun(TAPCTL_PATH " link carrier dev vnet2 " + std::string(words));
    EXPECT_EQ(refused.status, 1) << words;
  }
  EXPECT_EQ(Tapctl("save"), before);
  EXPECT_TRUE(HasCarrier(2));
}

TEST_P(LinkCarrierTest, SilentQemuHoldsNobodyUp) {
  Begin("");
  FakeQemu qemu("/run/vm.qmp", "net0", FakeQemu::Habit::kSilent);
  Tapctl("link carrier dev vnet2 off qmp /run/vm.qmp id net0");
  Tapctl("link carrier dev vnet1 off");
  EXPECT_TRUE(WaitUntil([&] { return !HasCarrier(1); }));
  Tapctl("link carrier dev vnet1 on");
  EXPECT_TRUE(WaitUntil([&] { return HasCarrier(1); }));
}

TEST_P(LinkCarrierTest, FlapsAsOftenAsAsked) {
  Begin("");
  const auto changes = [&] {
    return std::stoi(network_->host(2).Run("cat /sys/class/net/eth0/carrier_changes"));
  };
  const int before = changes();
  Tapctl("link carrier dev vnet2 flap period 200ms count 3");
  EXPECT_TRUE(WaitUntil([&] { return changes() == before + 6; })) << changes() - before;
  EXPECT_TRUE(WaitUntil([&] { return PortAt(2)["link"] == "up"; }));
  EXPECT_EQ(PortAt(2)["carrier"], true);
  EXPECT_TRUE(HasCarrier(2));
}

TEST_P(LinkCarrierTest, StaysOffInANewProcess) {
  Begin("");
  Tapctl("link carrier dev vnet2 off");
  Upgrade(network_->tapswitchd());
  EXPECT_EQ(PortAt(2)["reason"], "carrier off by hand");
  EXPECT_FALSE(HasCarrier(2));
  Tapctl("link carrier dev vnet2 on");
  EXPECT_TRUE(WaitUntil([&] { return HasCarrier(2) && PortAt(2)["link"] == "up"; }));
  EXPECT_TRUE(Reaches());
}

}  // namespace
}  // namespace tapswitch::link_carrier_test
