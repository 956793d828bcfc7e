#include "tests/support/test_network.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "ports/port_spec.h"
#include "tests/support/guest_relay.h"

namespace tapswitch {

constexpr std::string_view kNetdev = "netdev";
constexpr std::string_view kVeth = "veth";

namespace {

// In a folder below the one that the sandbox has for itself, whose sockets are those of switches.
constexpr const char* kGuestSockets = "/run/tapswitch/guests";

std::string GuestSocket(const std::string& port) { return kGuestSockets + ("/" + port); }

bool HostsAreGuests() {
  const char* const stations = std::getenv("TAPSWITCH_TEST_STATIONS");
  return stations != nullptr && std::string_view(stations) == "vhost";
}

}  // namespace

TestHost::TestHost(const NetnsSandbox& sandbox, int number) : sandbox_(&sandbox), number_(number) {
  sandbox.AddNetns(name());
}

MacAddress TestHost::mac() const {
  return MacAddress::FromNumber(0x020000000000 + static_cast<uint64_t>(number_));
}

std::string TestHost::address(IpVersion version) const {
  return (version == IpVersion::kV4 ? "10.83.0." : "fd83::") + std::to_string(number_);
}

void TestHost::Connect(const std::string& name) const {
  std::ostringstream batch;
  batch << "link set dev " << name << " name eth0 address " << mac().ToString() << "\n"
        << "address add " << address(IpVersion::kV4) << "/24 dev eth0\n";
  if (sandbox_->ipv6() == NetnsSandbox::Ipv6::kOn) {
    // Without duplicate address detection it can be used at once.
    batch << "address add " << address(IpVersion::kV6) << "/64 dev eth0 nodad\n";
  }
  batch << "link set dev eth0 up\n";
  sandbox_->Run("exec ip -n " + this->name() + " -batch - <<END\n" + batch.str() + "END");
}

std::string TestHost::Run(const std::string& command) const {
  return sandbox_->Run("ip netns exec " + name() + " " + command);
}

NetnsSandbox::Result TestHost::TryRun(const std::string& command) const {
  return sandbox_->TryRun("ip netns exec " + name() + " " + command);
}

FileDescriptor TestHost::OpenSocket(int domain, int type) const {
  return Inside([&] {
    FileDescriptor socket(::socket(domain, type | SOCK_CLOEXEC, 0));
    if (!socket.valid()) throw std::system_error(errno, std::generic_category(), "socket");
    return socket;
  });
}

PacketSocket TestHost::OpenPacketSocket(uint16_t protocol) const {
  return Inside([&] { return PacketSocket("eth0", protocol); });
}

TestHost::FrameCounts TestHost::CountFrames() const {
  std::ifstream devices = Inside([] { return std::ifstream("/proc/thread-self/net/dev"); });
  for (std::string line; std::getline(devices, line);) {
    std::istringstream fields(line);
    std::string word;
    if (!(fields >> word) || word != "eth0:") continue;
    // Eight columns of what was received, then those of what was sent (proc(5)).
    std::vector<uint64_t> columns;
    for (uint64_t value = 0; fields >> value;) columns.push_back(value);
    return {.received = columns.at(1), .sent = columns.at(9)};
  }
  throw std::runtime_error(name() + " has no eth0");
}

std::string TestNetwork::MakePort(const TestHost& host, const std::string& options) {
  if (options.starts_with(kNetdev)) {
    sandbox_.Run("ip link add " + host.port() + " up type veth peer name " + host.port() +
                 " netns " + host.name());
    return "netdev:" + host.port() + options.substr(kNetdev.size());
  }
  if (options.starts_with(kVeth)) {
    return "veth:" + host.port() + ",netns=" + host.name() + ",up=off" +
           options.substr(kVeth.size());
  }
  std::string tap =
      host.port() + ",netns=" + host.name() + ",up=off" + (options.empty() ? "" : "," + options);
  if (!HostsAreGuests()) return tap;
  std::filesystem::create_directory(kGuestSockets);
  const TapOptions& guest =
      guest_taps_.emplace_back(ParseTapOptions(ParsePortSpec(tap).value()).value());
  return "vhost:" + host.port() + ",path=" + GuestSocket(host.port()) +
         (guest.mtu ? ",mtu=" + std::to_string(*guest.mtu) : "");
}

TestNetwork::TestNetwork(const Options& options) : sandbox_(options.ipv6) {
  std::vector<std::string> arguments{"--io=" + options.io};
  arguments.insert(arguments.end(), options.flags.begin(), options.flags.end());
  for (const std::string& port : options.ports) {
    arguments.push_back(MakePort(hosts_.emplace_back(sandbox_, size() + 1), port));
  }
  switch_.emplace(arguments, options.launcher);
  if (!switch_->WaitUntilReady()) throw std::runtime_error("not ready: " + switch_->log());
  for (const TapOptions& guest : guest_taps_) {
    guests_.push_back(std::make_shared<GuestRelay>(guest, GuestSocket(guest.name)));
  }
  for (const TestHost& host : hosts_) host.Connect(host.port());
  for (const TestHost& host : hosts_) {
    const std::string up = "port " + host.port() + ": up";
    if (!switch_->WaitForLog(up)) throw std::runtime_error("not in the log: " + up);
  }
}

void TestNetwork::Settle() const {
  for (const auto& guest : guests_) guest->Settle();
}

TestNetwork::Options SilentHosts(const std::string& io, size_t count,
                                 const std::vector<std::string>& flags) {
  return {.io = io,
          .ports = std::vector<std::string>(count),
          .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces,
          .flags = flags};
}

}  // namespace tapswitch
