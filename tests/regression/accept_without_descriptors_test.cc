// Who connects to a port while the switch has no descriptors left is served once there are some.
//
// What failed: readiness of a listening socket is told once, so the client stayed in the kernel's
// queue until another one came.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "ports/socket/stream_port.h"
#include "tests/support/descriptor_limit.h"
#include "tests/support/lone_port.h"
#include "tests/support/socket_peer.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::accept_without_descriptors_test {
namespace {

using testing::HasSubstr;

TEST(AcceptWithoutDescriptorsTest, AClientThatWaitsIsServedOnceThereAreSome) {
  const TemporaryDirectory directory;
  auto listener = UnixListener::Bind({.what = "port 'vm1'", .path = directory.Path("vm1")});
  ASSERT_TRUE(listener.ok()) << listener.status();
  LonePort lone;
  lone.Add(std::make_unique<StreamPort>(
      lone.identity(), std::make_shared<UnixListener>(*std::move(listener)), 1500));
  const StreamPeer peer(directory.Path("vm1"));
  lone.ring().BecomeReadable(lone.ring().watched().at(0).fd);
  {
    const DescriptorLimit none(3);
    for (int i = 0; i < 5; ++i) lone.Turn(10);
    EXPECT_FALSE(lone.port().status().link_up);
    EXPECT_THAT(lone.port().status().reason, HasSubstr("Too many open files"));
  }
  lone.Turn();
  EXPECT_FALSE(lone.port().status().link_up) << "it is tried ten times a second, not all the time";
  const auto timeout = lone.ring().timeouts().back();
  ASSERT_TRUE(timeout) << "nothing is going to happen by itself";
  EXPECT_LE(*timeout, std::chrono::milliseconds(100));
  lone.Turn(10);
  EXPECT_TRUE(lone.port().status().link_up);
  lone.Turn(10);  // the pace of clients is refilled (AcceptPace)
  lone.Turn();
  EXPECT_FALSE(lone.ring().timeouts().back()) << "an idle worker sleeps again";
}

}  // namespace
}  // namespace tapswitch::accept_without_descriptors_test
