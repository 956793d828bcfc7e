// All that makes a guest slow is shown. Before, only the last was: facts of a port that have the same
// name take each other's place.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ports/vhost_user/features.h"
#include "ports/vhost_user/vhost_backend.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/vhost_front_end.h"

namespace tapswitch::slow_guest_test {
namespace {

class SlowGuestTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = directory_.Path("socket");
    auto backend = VhostBackend::Open({.name = "vm1", .path = path}, 1);
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *backend;
  }
  // By what a guest has acked: the value of each fact of this name.
  std::vector<std::string> SlowWith(uint64_t features) {
    VhostFrontEnd guest({.features = features});
    EXPECT_TRUE(guest.Connect(directory_.Path("socket")) && guest.Start());
    std::vector<std::string> values;
    for (const auto& [name, value] : backend_->Get()) {
      if (name == "slow") values.push_back(value);
    }
    return values;
  }

  TemporaryDirectory directory_;
  std::shared_ptr<VhostBackend> backend_;
};

TEST_F(SlowGuestTest, AllThatMakesItSlowIsOneFact) {
  constexpr uint64_t kLeast = FeatureBit(virtio::kVersion1) | FeatureBit(virtio::kProtocolFeatures);
  EXPECT_EQ(SlowWith(kLeast),
            std::vector<std::string>{"guest has no mergeable buffers, guest takes no offloads, "
                                     "guest has no event index"});
}

TEST_F(SlowGuestTest, AGuestThatIsNotSlowHasNone) {
  EXPECT_TRUE(SlowWith(VhostFrontEnd::kUsualFeatures | FeatureBit(virtio::kGuestCsum) |
                       FeatureBit(virtio::kEventIdx))
                  .empty());
}

}  // namespace
}  // namespace tapswitch::slow_guest_test
