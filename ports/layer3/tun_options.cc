#include "ports/layer3/tun_options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "ports/option_keys.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr unsigned kV4Bits = 32;
constexpr unsigned kV6Bits = 128;
constexpr size_t kMostPrefixes = 64;

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status WrongAddress(const PortOption& option, std::string_view example) {
  return Wrong(fmt::format("{}={}: expected an IP address{}", option.key, option.value.value_or(""),
                           example));
}

std::optional<IpAddress> ParseIp(const std::string& text) {
  std::array<std::byte, IpAddress::kV6Size> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    return IpAddress::FromV4(LoadBe32(bytes.data()));
  }
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return std::nullopt;
  return IpAddress::FromV6(bytes);
}

// A prefix without a length is the address alone, as with ip(8).
std::optional<IpPrefix> ParsePrefix(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = ParseIp(std::string(text.substr(0, slash)));
  if (!address) return std::nullopt;
  const unsigned most = address->is_v4() ? kV4Bits : kV6Bits;
  if (slash == std::string_view::npos) return IpPrefix{.address = *address, .length = most};
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool is_number =
      !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
  if (!is_number || length > most) return std::nullopt;
  return IpPrefix{.address = *address, .length = length};
}

absl::Status AddPrefix(const PortOption& option, std::vector<IpPrefix>& prefixes) {
  const auto prefix = ParsePrefix(option.value.value_or(""));
  if (!prefix) return WrongAddress(option, " with the length of its prefix, such as 10.0.0.5/24");
  if (prefixes.size() == kMostPrefixes) {
    return Wrong(fmt::format("{}= is given more than {} times", option.key, kMostPrefixes));
  }
  prefixes.push_back(*prefix);
  return absl::OkStatus();
}

absl::Status AddAddress(const PortOption& option, TunOptions& options) {
  if (absl::Status added = AddPrefix(option, options.station.addresses); !added.ok()) return added;
  const IpPrefix& own = options.station.addresses.back();
  if (!own.address.is_station() || own.IsBroadcast(own.address)) {
    return WrongAddress(option, " that one station can have");
  }
  options.addresses += (options.addresses.empty() ? "" : " ") + *option.value;
  return absl::OkStatus();
}

absl::Status AddGateway(const PortOption& option, TunOptions& options) {
  const auto gateway = ParseIp(option.value.value_or(""));
  if (!gateway || !gateway->is_station()) return WrongAddress(option, " of a router");
  std::vector<IpAddress>& gateways = options.station.gateways;
  const bool has_one =
      std::ranges::any_of(gateways, [&](IpAddress one) { return one.is_v4() == gateway->is_v4(); });
  if (has_one) {
    return Wrong(fmt::format("gateway={}: there is one of this family already", *option.value));
  }
  gateways.push_back(*gateway);
  return absl::OkStatus();
}

absl::Status ReadMac(const PortOption& option, TunOptions& options) {
  const auto mac = MacAddress::Parse(option.value.value_or(""));
  if (!mac || mac->is_multicast() || mac->is_zero()) {
    return Wrong(
        fmt::format("mac={}: expected the address of one station, such as "
                    "02:00:00:00:00:01",
                    option.value.value_or("")));
  }
  options.station.mac = *mac;
  return absl::OkStatus();
}

absl::Status ReadAttach(const PortOption& option, TunOptions& options) {
  if (option.value) return Wrong("attach takes no value: leave '=' out");
  options.attaches = true;
  return absl::OkStatus();
}

using TunKey = OptionKey<TunOptions>;

constexpr std::array kTunKeys{
    TunKey{"address", AddAddress},
    TunKey{"gateway", AddGateway},
    TunKey{"route",
           [](const PortOption& o, TunOptions& t) { return AddPrefix(o, t.station.routes); }},
    TunKey{"mac", ReadMac},
    TunKey{"attach", ReadAttach},
    TunKey{"netns", [](const PortOption& o,
                       TunOptions& t) { return StoreOption(ReadText(o), t.tun.netns); }},
    TunKey{"mtu",
           [](const PortOption& o, TunOptions& t) {
             return StoreOption(ReadNumber(o, kLeastMtu, kMostMtu), t.tun.mtu);
           }},
    TunKey{"user",
           [](const PortOption& o, TunOptions& t) { return StoreOption(ReadUser(o), t.tun.user); }},
    TunKey{"group", [](const PortOption& o,
                       TunOptions& t) { return StoreOption(ReadGroup(o), t.tun.group); }},
    TunKey{"persist", [](const PortOption& o,
                         TunOptions& t) { return StoreOption(ReadOnOff(o), t.tun.persist); }},
};

absl::Status CheckTogether(const TunOptions& options) {
  if (options.station.addresses.empty()) {
    return Wrong("it needs address=ADDRESS/LENGTH, the address that the station has");
  }
  const TapOptions& tun = options.tun;
  const bool makes = tun.mtu || tun.user || tun.group || tun.persist;
  if (options.attaches && makes) {
    return Wrong(
        "mtu=, user=, group= and persist are for a tun that the switch makes: leave them "
        "out, or attach");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TunOptions> ParseTunOptions(const PortSpec& spec) {
  TunOptions empty{.name = spec.name, .station = {}, .tun = {}, .netdev = {}};
  auto options = ReadOptions(spec, kTunKeys, std::move(empty));
  if (!options.ok()) return options;
  if (absl::Status checked = CheckTogether(*options); !checked.ok()) {
    return Wrong(fmt::format("port '{}': {}", spec.name, std::string(checked.message())));
  }
  options->tun.name = spec.name;
  options->tun.queues = 1;
  options->tun.is_layer3 = true;
  // A program makes and deletes its interface as it comes and goes.
  options->netdev = {
      .name = spec.name, .netns = options->tun.netns, .waits = true, .is_layer3 = true};
  return options;
}

// FNV-1a, which is the same on all machines.
MacAddress DeriveStationMac(std::string_view bridge, std::string_view port) {
  constexpr uint64_t kBasis = 0xCBF29CE484222325;
  constexpr uint64_t kPrime = 0x100000001B3;
  constexpr uint64_t kLocal = 0x020000000000;
  constexpr uint64_t kFirstByte = 0xFF0000000000;
  uint64_t hash = kBasis;
  for (const char character : fmt::format("{}:{}", bridge, port)) {
    hash = (hash ^ static_cast<unsigned char>(character)) * kPrime;
  }
  return MacAddress::FromNumber((hash & ~kFirstByte) | kLocal);
}

}  // namespace tapswitch
