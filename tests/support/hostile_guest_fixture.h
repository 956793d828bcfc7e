// A switch with three ports for guests: "bad", whose guest or front end is hostile, and "vm1" and
// "vm2", whose guests talk to each other.

#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/vhost_front_end.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

// `Base` is SwitchTest, or SwitchCaseTest of something.
template <typename Base>
class HostileGuestFixture : public Base {
 protected:
  void SetUp() override {
    Base::SetUp();
    if (this->IsSkipped()) return;
    sandbox_.emplace();
    switch_.emplace(
        std::vector<std::string>{"--io=" + this->io(), Port("bad"), Port("vm1"), Port("vm2")});
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
    Join(one_, "vm1");
    Join(two_, "vm2");
  }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_.Path(name); }
  static nlohmann::json Show(const std::string& name) {
    return ControlClient().Call("port.list", {{"name", name}})[0];
  }
  void WaitForLink(const std::string& name) const {
    ASSERT_TRUE(WaitUntil([&] { return Show(name)["link"] == "up"; })) << switch_->log();
  }
  void Join(VhostFrontEnd& guest, const std::string& name) const {
    ASSERT_TRUE(guest.Connect(Path(name)) && guest.Start());
    WaitForLink(name);
  }
  // Their broadcasts reach the hostile one, too.
  void OthersTalk(int rounds = 1) {
    for (int i = 0; i < rounds; ++i) {
      const auto frame = TestFrame(kBroadcastAddress, Station(1), std::to_string(i));
      ASSERT_TRUE(one_.Send(frame));
      ASSERT_EQ(two_.Receive(), frame) << switch_->log();
    }
  }

  TemporaryDirectory directory_;
  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
  VhostFrontEnd hostile_;
  VhostFrontEnd one_;
  VhostFrontEnd two_;

 private:
  [[nodiscard]] std::string Port(const std::string& name) const {
    return "vhost:" + name + ",path=" + Path(name);
  }
};

}  // namespace tapswitch
