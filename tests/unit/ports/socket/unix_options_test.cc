// The options of a unix port.

#include "ports/socket/unix_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tapswitch::unix_options_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

UnixOptions Parse(std::string_view text) {
  const auto spec = ParsePortSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  const auto options = ParseUnixOptions(*spec);
  EXPECT_TRUE(options.ok()) << options.status();
  return options.value_or(UnixOptions{});
}

std::string ErrorOf(std::string_view text) {
  const auto spec = ParsePortSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  const absl::Status status = ParseUnixOptions(*spec).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << ": " << status;
  std::string message(status.message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << "an error is one line";
  EXPECT_THAT(message, HasSubstr("'vm1'"));
  return message;
}

// What `text` stands for, as text.
std::vector<std::string> Expand(std::string_view text) {
  const auto ports = ExpandClients(ParsePortSpec(text).value());
  EXPECT_TRUE(ports.ok()) << ports.status();
  std::vector<std::string> texts;
  for (const PortSpec& port : ports.value_or(std::vector<PortSpec>())) {
    texts.push_back(SpecText(port));
  }
  return texts;
}

TEST(UnixOptionsTest, APathIsEnough) {
  const UnixOptions options = Parse("unix:vm1,path=/run/vm1.sock");
  EXPECT_EQ(options, (UnixOptions{.name = "vm1", .path = "/run/vm1.sock"}));
  EXPECT_EQ(options.mode, UnixOptions::Mode::kStream);
  EXPECT_EQ(options.mode_bits, 0600U);
  EXPECT_EQ(options.mtu, 1500U);
}

TEST(UnixOptionsTest, AllOfThemCanBeSet) {
  const UnixOptions options = Parse("unix:vm1,path=/a,mtu=9000,perm=0660,user=0,group=0");
  EXPECT_EQ(options.mtu, 9000U);
  EXPECT_EQ(options.mode_bits, 0660U);
  EXPECT_EQ(options.user, 0U);
  EXPECT_EQ(options.group, 0U);
}

TEST(UnixOptionsTest, DatagramsHaveARemoteOrAnInheritedSocket) {
  const UnixOptions options = Parse("unix:vm1,mode=dgram,path=/a,remote=/b");
  EXPECT_EQ(options.mode, UnixOptions::Mode::kDgram);
  EXPECT_EQ(options.remote, "/b");
  EXPECT_EQ(Parse("unix:vm1,mode=dgram,fd=7").fd, 7);
}

TEST(UnixOptionsTest, ErrorsNameWhatIsWrongAndTheCure) {
  EXPECT_THAT(ErrorOf("unix:vm1"), HasSubstr("path="));
  EXPECT_THAT(ErrorOf("unix:vm1,path"), HasSubstr("path=VALUE"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=vm1.sock"), AllOf(HasSubstr("vm1.sock"), HasSubstr("'/'")));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/" + std::string(108, 'x')), HasSubstr("109 bytes"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,mode=seqpacket"), HasSubstr("mode=seqpacket"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,perm=0x6"), HasSubstr("perm=0x6"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,perm=1777"), HasSubstr("octal"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,user=no-such-user"), HasSubstr("no-such-user"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,group=no-such-group"), HasSubstr("no-such-group"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,mtu=67"), HasSubstr("68 to 65535"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,clients=0"), HasSubstr("1 to 256"));
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,queues=2"), AllOf(HasSubstr("queues"), HasSubstr("path")));
}

TEST(UnixOptionsTest, KeysThatDoNotGoTogetherAreRefused) {
  EXPECT_THAT(ErrorOf("unix:vm1,path=/a,remote=/b"), HasSubstr("mode=dgram"));
  EXPECT_THAT(ErrorOf("unix:vm1,fd=7"), HasSubstr("mode=dgram"));
  EXPECT_THAT(ErrorOf("unix:vm1,mode=dgram,path=/a,clients=2"), HasSubstr("clients="));
  EXPECT_THAT(ErrorOf("unix:vm1,mode=dgram,path=/a,fd=7"), HasSubstr("fd="));
  EXPECT_THAT(ErrorOf("unix:vm1,mode=dgram,path=/a,remote=/a"), HasSubstr("the same"));
  EXPECT_THAT(ErrorOf("unix:vm1,mode=dgram,fd=2"), HasSubstr("fd=2"));
}

TEST(UnixOptionsTest, ClientsStandForAPortEach) {
  EXPECT_THAT(Expand("unix:vm,path=/a,clients=3,mtu=9000"),
              ElementsAre("unix:vm.1,path=/a,mtu=9000", "unix:vm.2,path=/a,mtu=9000",
                          "unix:vm.3,path=/a,mtu=9000"));
  EXPECT_THAT(Expand("unix:vm,path=/a"), ElementsAre("unix:vm,path=/a"));
  EXPECT_THAT(Expand("vnet0"), ElementsAre("vnet0"));
}

TEST(UnixOptionsTest, NamesOfTheClientsPortsHaveToFit) {
  const auto ports = ExpandClients(ParsePortSpec("unix:fourteen_chars,path=/a,clients=2").value());
  ASSERT_FALSE(ports.ok());
  EXPECT_THAT(std::string(ports.status().message()), HasSubstr("fourteen_chars.1"));
}

}  // namespace
}  // namespace tapswitch::unix_options_test
