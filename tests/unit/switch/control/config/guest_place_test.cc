// Which texts say where QEMU takes commands about a guest.

#include "switch/control/config/guest_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tapswitch::guest_place_test {
namespace {

using testing::HasSubstr;

std::string Problem(const std::string& socket, const std::string& id) {
  return std::string(CheckGuestPlace({.socket = socket, .id = id}).message());
}

TEST(GuestPlaceTest, FullPathsAndIdsOfQemuAreTaken) {
  for (const char* const id : {"net0", "n", "virtio-net.1_b"}) {
    EXPECT_EQ(Problem("/run/vm 1.qmp", id), "") << id;
  }
}

TEST(GuestPlaceTest, OtherPathsAreRefused) {
  for (const std::string& path : {std::string(), std::string("vm.qmp"), std::string("none"),
                                  std::string("/run/a\nb"), std::string("/a\0b", 4)}) {
    EXPECT_THAT(Problem(path, "net0"), HasSubstr("full path")) << path;
  }
  EXPECT_THAT(Problem("/" + std::string(200, 'a'), "net0"), HasSubstr("qmp"));
}

TEST(GuestPlaceTest, OtherIdsAreRefused) {
  for (const std::string& id : {std::string(), std::string("0net"), std::string("#net0"),
                                std::string("a b"), std::string("a\"b"), std::string(64, 'a')}) {
    EXPECT_THAT(Problem("/run/vm.qmp", id), HasSubstr("-netdev or -device")) << id;
  }
}

}  // namespace
}  // namespace tapswitch::guest_place_test
