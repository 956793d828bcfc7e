#include "switch/control/rpc/client_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "ports/port_types.h"

namespace tapswitch::client_policy_test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uid_t kRoot = 0;
constexpr uid_t kOther = 65534;
constexpr uid_t kDaemon = 1000;

absl::Status CheckAs(uid_t user, const std::string& port, uid_t daemon = kRoot) {
  const ClientPolicy policy(daemon, "/run/tapswitch");
  return policy.Check({.pid = 1, .uid = user, .gid = user}, "port.add", {{"port", port}});
}

struct Row {
  std::string port;
  std::string key;
  bool is_allowed;
};

// Each key of each type; where it depends on the value, both ways.
const std::vector<Row> kTable{
    {"tap:t,mtu=1400", "mtu", true},
    {"tap:t,queues=2", "queues", true},
    {"tap:t,txqueuelen=100", "txqueuelen", true},
    {"tap:t,offload=off", "offload", true},
    {"tap:t,up=off", "up", true},
    {"tap:t,netns=h1", "netns", true},
    {"tap:t,netns=/proc/1/ns/net", "netns", false},
    {"tap:t,netns=./h1", "netns", false},
    {"tap:t,user=0", "user", false},
    {"tap:t,group=0", "group", false},
    {"tap:t,persist", "persist", false},
    {"t,user=0", "user", false},
    {"netdev:e,host=shared", "host", true},
    {"netdev:e,netns=h1", "netns", true},
    {"netdev:e,netns=/dev/sda", "netns", false},
    {"netdev:e,wait", "wait", true},
    {"veth:e,netns=h1", "netns", true},
    {"veth:e,netns=/proc/1/ns/net", "netns", false},
    {"veth:e,netns=h1,mtu=1400", "mtu", true},
    {"veth:e,netns=h1,txqueuelen=100", "txqueuelen", true},
    {"veth:e,netns=h1,up=off", "up", true},
    {"veth:e,netns=h1,persist", "persist", false},
    {"unix:v,path=/run/tapswitch/v.sock", "path", true},
    {"unix:v,path=/run/tapswitch/../cron.sock", "path", false},
    {"unix:v,path=/run/tapswitch/..", "path", false},
    {"unix:v,path=/run/tapswitch/a/b", "path", false},
    {"unix:v,path=/run/tapswitchd/v.sock", "path", false},
    {"unix:v,path=/run/tapswitch-v.sock", "path", false},
    {"unix:v,path=//run/tapswitch/v.sock", "path", false},
    {"unix:v,path=/home/u/v.sock", "path", false},
    {"unix:v,clients=2,path=/home/u/v.sock", "path", false},
    {"unix:v,mode=dgram,path=/run/tapswitch/v.sock", "mode", true},
    {"unix:v,mode=dgram,path=/run/tapswitch/v,remote=/run/tapswitch/w", "remote", true},
    {"unix:v,mode=dgram,path=/run/tapswitch/v,remote=/run/systemd/notify", "remote", false},
    {"unix:v,mode=dgram,fd=5", "fd", false},
    {"unix:v,path=/run/tapswitch/v.sock,clients=2", "clients", true},
    {"unix:v,path=/run/tapswitch/v.sock,mtu=1400", "mtu", true},
    {"unix:v,path=/run/tapswitch/v.sock,perm=0660", "perm", true},
    {"unix:v,path=/run/tapswitch/v.sock,user=0", "user", true},
    {"unix:v,path=/run/tapswitch/v.sock,group=0", "group", true},
    {"unix:v,perm=0666,path=/etc/v.sock", "path", false},
    {"unix:v,user=65534,path=/etc/v.sock", "path", false},
    {"link:l,to=br1:trunk", "to", false},
    {"link:l,mtu=1500", "mtu", true},
    {"tun:t,address=10.0.0.5/24", "address", true},
    {"tun:t,address=10.0.0.5/24,gateway=10.0.0.1", "gateway", true},
    {"tun:t,address=10.0.0.5/24,route=10.1.0.0/16", "route", true},
    {"tun:t,address=10.0.0.5/24,mac=02:00:00:00:00:05", "mac", true},
    {"tun:t,address=10.0.0.5/24,attach", "attach", true},
    {"tun:t,address=10.0.0.5/24,mtu=1400", "mtu", true},
    {"tun:t,address=10.0.0.5/24,netns=h1", "netns", true},
    {"tun:t,address=10.0.0.5/24,netns=/proc/1/ns/net", "netns", false},
    {"tun:t,address=10.0.0.5/24,user=0", "user", false},
    {"tun:t,address=10.0.0.5/24,group=0", "group", false},
    {"tun:t,address=10.0.0.5/24,persist", "persist", false},
    {"udp:u,local=127.0.0.1:9000,remote=192.0.2.1:9000", "local", false},
    {"udp:u,remote=192.0.2.1:9000,local=127.0.0.1:9000", "remote", false},
    {"udp:u,mtu=1400", "mtu", true},  // incomplete, so its method refuses it
    {"vhost:v,path=/run/tapswitch/v.sock", "path", true},
    {"vhost:v,path=/home/u/v.sock", "path", false},
    {"vhost:v,mode=client,path=/run/libvirt/v.sock", "path", false},
    {"vhost:v,path=/run/tapswitch/v.sock,mode=client", "mode", true},
    {"vhost:v,path=/run/tapswitch/v.sock,queues=2", "queues", true},
    {"vhost:v,path=/run/tapswitch/v.sock,mtu=1400", "mtu", true},
    {"vhost:v,path=/run/tapswitch/v.sock,perm=0660", "perm", true},
    {"vhost:v,path=/run/tapswitch/v.sock,user=0", "user", true},
    {"vhost:v,path=/run/tapswitch/v.sock,group=0", "group", true},
};

TEST(ClientPolicyTest, OthersCannotNameFilesOwnersOrNamespaces) {
  for (const Row& row : kTable) {
    const absl::Status checked = CheckAs(kOther, row.port);
    EXPECT_EQ(checked.ok(), row.is_allowed) << row.port << ": " << checked;
    if (row.is_allowed) continue;
    EXPECT_TRUE(absl::IsPermissionDenied(checked)) << row.port;
    EXPECT_THAT(
        std::string(checked.message()),
        AllOf(HasSubstr(row.key + "="), HasSubstr("have root add the port"), Not(HasSubstr("\n"))));
  }
}

TEST(ClientPolicyTest, OthersCannotNameSocketsOfGuests) {
  const ClientPolicy policy(kRoot, "/run/tapswitch");
  const auto check = [&](uid_t user, const json& params) {
    return policy.Check({.pid = 1, .uid = user, .gid = user}, "link.carrier", params);
  };
  for (const char* const path :
       {"/run/vm1.qmp", "/run/tapswitch/../vm1.qmp", "/run/tapswitch/a/b", "vm1.qmp", ""}) {
    const absl::Status refused = check(kOther, {{"qmp", path}});
    EXPECT_TRUE(absl::IsPermissionDenied(refused)) << path;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("/run/tapswitch/NAME.sock"));
    EXPECT_TRUE(check(kRoot, {{"qmp", path}}).ok()) << path;
  }
  EXPECT_TRUE(check(kOther, {{"qmp", "/run/tapswitch/vm1.qmp"}}).ok());
  EXPECT_TRUE(check(kOther, {{"qmp", "off"}}).ok());
  EXPECT_TRUE(check(kOther, {{"dev", "vnet1"}, {"carrier", false}}).ok());
  EXPECT_TRUE(check(kOther, {{"qmp", 5}}).ok());  // its method refuses it
}

TEST(ClientPolicyTest, RootMaySayEverything) {
  for (const Row& row : kTable) EXPECT_TRUE(CheckAs(kRoot, row.port).ok()) << row.port;
}

TEST(ClientPolicyTest, WhoStartedTheSwitchMayDoWhatItMay) {
  for (const Row& row : kTable) {
    EXPECT_TRUE(CheckAs(kDaemon, row.port, kDaemon).ok()) << row.port;
    EXPECT_EQ(CheckAs(kOther, row.port, kDaemon).ok(), row.is_allowed) << row.port;
  }
}

TEST(ClientPolicyTest, NobodyIsAClientThatTheKernelDoesNotKnow) {
  const ClientPolicy policy(kRoot, "/run/tapswitch");
  EXPECT_FALSE(policy.Check(ControlPeer{}, "port.add", {{"port", "tap:t,user=0"}}).ok());
}

TEST(ClientPolicyTest, EachKeyOfEachTypeIsJudged) {
  for (const PortType& port_type : PortTypes()) {
    const std::string type(port_type.text.name);
    // The keys there are, as the error for another one lists them.
    const auto spec = ParsePortSpec(type + ":x,nonsense=1");
    const std::string error(CheckPort(*spec).message());
    const std::string list = error.substr(error.rfind("it has ") + 7);
    for (const auto key : absl::StrSplit(list, ", ")) {
      const auto is_about = [&](const Row& row) {
        return row.key == key && (row.port.starts_with(type + ":"));
      };
      EXPECT_TRUE(std::any_of(kTable.begin(), kTable.end(), is_about)) << type << " " << key;
    }
  }
  const auto unknown = ParsePortSpec("nonsense:x");
  EXPECT_THAT(
      std::string(CheckPort(*unknown).message()),
      HasSubstr(
          "use tap:x or netdev:x or veth:x or unix:x or link:x or tun:x or udp:x or vhost:x"));
}

TEST(ClientPolicyTest, WhatMakesNoSenseIsLeftToItsMethod) {
  EXPECT_TRUE(CheckAs(kOther, "").ok());
  EXPECT_TRUE(CheckAs(kOther, "tap:t,nonsense=1").ok());
  const ClientPolicy policy(kRoot, "/run/tapswitch");
  for (const json& params : {json(), json::array(), json{{"port", 1}}, json::object()}) {
    EXPECT_TRUE(policy.Check({.uid = kOther}, "port.add", params).ok());
  }
}

}  // namespace
}  // namespace tapswitch::client_policy_test
