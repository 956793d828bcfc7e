#include "switch/control/config/port_quota.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tapswitch::port_quota_test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr uid_t kUser = 1000;

class PortQuotaTest : public testing::Test {
 protected:
  static json Request(const std::string& name) {
    return {{"port", "netdev:" + name}, {"ephemeral", true}};
  }
  absl::Status Add(const std::string& name, uid_t user = kUser) {
    const json request = Request(name);
    if (absl::Status may = quota_.Check(user, request, config_); !may.ok()) return may;
    PortConfig port = NewPort({.type = "netdev", .name = name, .options = {}}, config_.bridge);
    port.ephemeral = true;
    config_.ports.push_back(port);
    quota_.Record(user, request);
    return absl::OkStatus();
  }
  void AddAll() {
    for (size_t i = 0; i < PortQuota::kMost; ++i) ASSERT_TRUE(Add("tap" + std::to_string(i)).ok());
  }

  PortQuota quota_;
  BridgeConfig config_;
};

TEST_F(PortQuotaTest, OneUserHasSoManyAndOthersToo) {
  AddAll();
  const absl::Status refused = Add("more");
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("uid 1000 has 64 ports"));
  EXPECT_TRUE(Add("more", kUser + 1).ok());
}

TEST_F(PortQuotaTest, PortsThatHaveGoneDoNotCount) {
  AddAll();
  config_.ports.pop_back();
  EXPECT_TRUE(Add("more").ok());
  EXPECT_FALSE(Add("another").ok());
}

TEST_F(PortQuotaTest, OtherPortsAreNotCounted) {
  AddAll();
  EXPECT_TRUE(quota_.Check(kUser, {{"port", "vnet0"}}, config_).ok());
  EXPECT_TRUE(quota_.Check(kUser, json(), config_).ok());
  EXPECT_TRUE(quota_.Check(kUser, Request("tap3"), config_).ok()) << "it is there already";
}

}  // namespace
}  // namespace tapswitch::port_quota_test
