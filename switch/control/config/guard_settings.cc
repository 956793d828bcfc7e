#include "switch/control/config/guard_settings.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"
#include "switch/control/commands/nearest_word.h"
#include "switch/forwarding/guards/token_bucket.h"
#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMostStations = 256;   // of a port
constexpr size_t kMostAddresses = 64;   // of a station, of each kind
constexpr uint32_t kMostMoves = 10000;  // within a time
constexpr Ticks kLongestRecovery{uint64_t{100} * 60 * 60 * 24 * 30};

absl::Status Bad(std::string_view name, std::string_view text, std::string_view cure) {
  return absl::InvalidArgumentError(fmt::format("{} '{:.100}': {}", name, text, cure));
}

// Reads a value that is a text.
absl::StatusOr<std::string> TextOf(std::string_view name, const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return Bad(name, value.dump(-1, ' ', false, json::error_handler_t::replace), "expected a text");
}

template <typename Choice>
absl::Status SetChoice(std::string_view name, const std::string& text,
                       std::span<const std::string_view> names, Choice& choice) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    return Bad(name, text, "expected " + Alternatives(names));
  }
  choice = static_cast<Choice>(found - names.begin());
  return absl::OkStatus();
}

absl::Status SetSpan(std::string_view name, const std::string& text, Ticks least, Ticks most,
                     Ticks& span) {
  const auto parsed = ParseDuration(text);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{} {}", name, std::string(parsed.status().message())));
  }
  if (*parsed < least || *parsed > most) {
    return Bad(name, text,
               fmt::format("expected {} to {}", DurationText(least), DurationText(most)));
  }
  span = *parsed;
  return absl::OkStatus();
}

struct RateUnit {
  std::string_view name;
  uint64_t factor;
  bool in_bits;
};

// The units, of which the last that divides a rate is shown.
constexpr std::array kRateUnits{RateUnit{"pps", 1, false},
                                RateUnit{"kpps", 1000, false},
                                RateUnit{"mpps", 1'000'000, false},
                                RateUnit{"bit", 1, true},
                                RateUnit{"kbit", 1000, true},
                                RateUnit{"mbit", 1'000'000, true},
                                RateUnit{"gbit", 1'000'000'000, true}};

constexpr std::array<std::string_view, 2> kStormActions{"drop", "shutdown"};

// ----- IP addresses ------------------------------------------------------------------------------

bool AddIp(const std::string& text, AllowedStation& station) {
  std::array<std::byte, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    const Ipv4Number number = LoadBe32(bytes.data());
    constexpr uint32_t kFirstOfGroups = 0xE0000000;
    if (number == 0 || number >= kFirstOfGroups) return false;
    station.ipv4.push_back(number);
    return true;
  }
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return false;
  const auto half = [&](size_t at) {
    return (uint64_t{LoadBe32(&bytes[at])} << 32U) | LoadBe32(&bytes[at + 4]);
  };
  const Ipv6Number number{half(0), half(8)};
  const bool is_group = bytes[0] == std::byte{0xFF};
  if (number == Ipv6Number{} || is_group) return false;
  station.ipv6.push_back(number);
  return true;
}

std::string IpText(Ipv4Number number) {
  return fmt::format("{}.{}.{}.{}", number >> 24U, (number >> 16U) & 0xFFU, (number >> 8U) & 0xFFU,
                     number & 0xFFU);
}

std::string IpText(const Ipv6Number& number) {
  std::array<std::byte, 16> bytes{};
  for (size_t i = 0; i < 4; ++i) {
    const uint64_t half = number[i / 2];
    StoreBe32(&bytes[4 * i], static_cast<uint32_t>(i % 2 == 0 ? half >> 32U : half));
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

// Sorts, and removes duplicates.
template <typename Number>
bool Tidy(std::vector<Number>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers.size() <= kMostAddresses;
}

std::vector<AllowedStation> StationsOf(const AllowListPointer& list) {
  return list == nullptr ? std::vector<AllowedStation>() : list->stations();
}

AllowListPointer ListOf(std::vector<AllowedStation> stations) {
  if (stations.empty()) return nullptr;
  return std::make_shared<const AllowList>(std::move(stations));
}

// ----- moves -------------------------------------------------------------------------------------

std::string MovesText(const PortSecurity& security) {
  if (security.max_moves == 0) return "off";
  return fmt::format("{}/{}", security.max_moves, DurationText(security.moves_within));
}

absl::Status SetMoves(const std::string& text, PortSecurity& security) {
  if (text == "off") {
    security.max_moves = 0;
    return absl::OkStatus();
  }
  const size_t slash = text.find('/');
  const char* const end = text.data() + std::min(slash, text.size());
  uint32_t moves = 0;
  const auto [at, error] = std::from_chars(text.data(), end, moves);
  const bool is_number = error == std::errc() && at == end && slash != std::string::npos;
  if (!is_number || moves == 0 || moves > kMostMoves) {
    return Bad("moves", text,
               fmt::format("expected a number from 1 to {} within a time, such as 5/10s, or off",
                           kMostMoves));
  }
  Ticks within;
  absl::Status set = SetSpan("moves", text.substr(slash + 1), Ticks{10}, Ticks{360000}, within);
  if (!set.ok()) return set;
  security.max_moves = moves;
  security.moves_within = within;
  return absl::OkStatus();
}

absl::Status NoSuchSetting(std::string_view object, std::string_view name) {
  return absl::InvalidArgumentError(
      fmt::format("'{:.100}' is no setting of {}: see tapctl {} help", name, object, object));
}

// A setting by its name, as the text that sets it.
using Texts = std::vector<std::pair<std::string_view, std::string>>;

Texts TextsOf(const StormControl& storm) {
  Texts texts;
  for (size_t kind = 0; kind < kStormKindCount; ++kind) {
    texts.emplace_back(kStormKindNames[kind], RateText(storm.rates[kind]));
  }
  texts.emplace_back("burst", DurationText(storm.burst));
  texts.emplace_back("action", kStormActions[storm.shuts_down ? 1 : 0]);
  texts.emplace_back("recovery", DurationText(storm.recovery));
  return texts;
}

Texts TextsOf(const PortSecurity& security) {
  return {{"violation", std::string(kLimitActionNames[static_cast<size_t>(security.at_limit)])},
          {"moves", MovesText(security)},
          {"move_action", std::string(kMoveActionNames[static_cast<size_t>(security.on_moves)])},
          {"recovery", DurationText(security.recovery)}};
}

// Returns the words that make `texts` of `defaults`.
std::string WordsOf(const Texts& texts, const Texts& defaults) {
  std::string words;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i] != defaults[i]) words += fmt::format(" {} {}", texts[i].first, texts[i].second);
  }
  return words;
}

}  // namespace

absl::StatusOr<StormControl::Rate> ParseRate(std::string_view text) {
  if (text == "off") return StormControl::Rate{};
  const auto bad = [&](std::string_view cure) {
    return absl::InvalidArgumentError(fmt::format("'{:.100}': expected {}", text, cure));
  };
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string unit = absl::AsciiStrToLower(std::string(text.substr(digits)));
  const auto* const found = std::find_if(kRateUnits.begin(), kRateUnits.end(),
                                         [&](const RateUnit& one) { return one.name == unit; });
  double number = 0;
  const auto [at, error] =
      std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  const bool is_number = error == std::errc() && at == text.data() + digits;
  if (!is_number || found == kRateUnits.end()) {
    return bad("frames or bits a second, such as 1000pps, 1.5kpps or 10mbit, or off");
  }
  const double rate = number * static_cast<double>(found->factor);
  if (rate < 1 || rate > static_cast<double>(RateLimit::kMost)) {
    return bad(fmt::format("1 to {} frames or bits a second", RateLimit::kMost));
  }
  return StormControl::Rate{.per_second = static_cast<uint64_t>(std::llround(rate)),
                            .in_bits = found->in_bits};
}

std::string RateText(const StormControl::Rate& rate) {
  if (rate.per_second == 0) return "off";
  if (!rate.in_bits) return fmt::format("{}pps", rate.per_second);
  const auto unit = std::find_if(kRateUnits.rbegin(), kRateUnits.rend(), [&](const RateUnit& one) {
    return one.in_bits && rate.per_second % one.factor == 0;
  });
  return fmt::format("{}{}", rate.per_second / unit->factor, unit->name);
}

absl::StatusOr<AllowedStation> ParseAllowedStation(std::string_view text) {
  const auto address = MacAddress::Parse(text.substr(0, text.find(',')));
  if (!address || address->is_multicast() || address->is_zero()) {
    return absl::InvalidArgumentError(fmt::format(
        "'{:.100}': it begins with the MAC address of a station, such as 02:00:00:00:00:01", text));
  }
  AllowedStation station{.address = *address, .ipv4 = {}, .ipv6 = {}};
  while (text.find(',') != std::string_view::npos) {
    text.remove_prefix(text.find(',') + 1);
    const std::string ip(text.substr(0, text.find(',')));
    if (AddIp(ip, station)) continue;
    return absl::InvalidArgumentError(
        fmt::format("'{:.100}' is no IP address of a host: give 192.0.2.1 or 2001:db8::1", ip));
  }
  if (Tidy(station.ipv4) && Tidy(station.ipv6)) return station;
  return absl::InvalidArgumentError(
      fmt::format("{}: a station has at most {} addresses of each kind: leave its addresses out to "
                  "allow any",
                  address->ToString(), kMostAddresses));
}

std::string AllowedStationText(const AllowedStation& station) {
  std::string text = station.address.ToString();
  for (const Ipv4Number number : station.ipv4) text += "," + IpText(number);
  for (const Ipv6Number& number : station.ipv6) text += "," + IpText(number);
  return text;
}

absl::StatusOr<AllowListPointer> WithStation(const AllowListPointer& list,
                                             const AllowedStation& station) {
  std::vector<AllowedStation> stations = StationsOf(list);
  std::erase_if(stations, [&](const auto& one) { return one.address == station.address; });
  if (stations.size() == kMostStations) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: a port may have {} allowed stations at most: remove one first",
                    station.address.ToString(), kMostStations));
  }
  const auto place = std::find_if(stations.begin(), stations.end(),
                                  [&](const auto& one) { return one.address > station.address; });
  stations.insert(place, station);
  return ListOf(std::move(stations));
}

absl::StatusOr<AllowListPointer> WithoutStation(const AllowListPointer& list, MacAddress address) {
  std::vector<AllowedStation> stations = StationsOf(list);
  const size_t erased =
      std::erase_if(stations, [&](const auto& one) { return one.address == address; });
  if (erased != 0) return ListOf(std::move(stations));
  return absl::NotFoundError(
      fmt::format("{}: it is not on the list: see tapctl security show", address.ToString()));
}

absl::Status SetStormSetting(std::string_view name, const json& value, StormControl& storm) {
  const auto text = TextOf(name, value);
  if (!text.ok()) return text.status();
  for (size_t kind = 0; kind < kStormKindCount; ++kind) {
    if (name != kStormKindNames[kind]) continue;
    const auto rate = ParseRate(*text);
    if (!rate.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("{} {}", name, std::string(rate.status().message())));
    }
    storm.rates[kind] = *rate;
    return absl::OkStatus();
  }
  if (name == "burst") {
    return SetSpan(name, *text, Ticks{1}, RateLimit::kLongestBurst, storm.burst);
  }
  if (name == "action") return SetChoice(name, *text, kStormActions, storm.shuts_down);
  if (name == "recovery") return SetSpan(name, *text, Ticks{0}, kLongestRecovery, storm.recovery);
  return NoSuchSetting("storm", name);
}

absl::Status SetSecuritySetting(std::string_view name, const json& value, PortSettings& settings) {
  if (name == "max_macs") return SetPortSetting("fdb_max_learned", value, settings);
  const auto text = TextOf(name, value);
  if (!text.ok()) return text.status();
  PortSecurity& security = settings.security;
  if (name == "violation") return SetChoice(name, *text, kLimitActionNames, security.at_limit);
  if (name == "moves") return SetMoves(*text, security);
  if (name == "move_action") return SetChoice(name, *text, kMoveActionNames, security.on_moves);
  if (name == "recovery") {
    return SetSpan(name, *text, Ticks{0}, kLongestRecovery, security.recovery);
  }
  return NoSuchSetting("security", name);
}

void ShowStormSettings(const StormControl& storm, ordered_json& shown) {
  for (size_t kind = 0; kind < kStormKindCount; ++kind) {
    const StormControl::Rate& rate = storm.rates[kind];
    const std::string name(kStormKindNames[kind]);
    shown[name] = rate.per_second == 0 ? ordered_json() : ordered_json(rate.per_second);
    if (rate.per_second != 0) shown[name + "_unit"] = rate.in_bits ? "bit" : "pps";
  }
  shown["burst"] = Seconds(storm.burst);
  shown["action"] = kStormActions[storm.shuts_down ? 1 : 0];
  shown["recovery"] = Seconds(storm.recovery);
}

void ShowSecuritySettings(const PortSettings& settings, ordered_json& shown) {
  const PortSecurity& security = settings.security;
  shown["max_macs"] = settings.fdb_max_learned;
  shown["violation"] = kLimitActionNames[static_cast<size_t>(security.at_limit)];
  shown["moves"] = security.max_moves == 0 ? ordered_json() : ordered_json(security.max_moves);
  if (security.max_moves != 0) shown["moves_within"] = Seconds(security.moves_within);
  shown["move_action"] = kMoveActionNames[static_cast<size_t>(security.on_moves)];
  shown["recovery"] = Seconds(security.recovery);
  auto allowed = ordered_json::array();
  for (const AllowedStation& station : StationsOf(security.allowed)) {
    allowed.push_back(AllowedStationText(station));
  }
  shown["allow"] = std::move(allowed);
}

std::string StormSettingsAsWords(const StormControl& storm, const StormControl& from) {
  return WordsOf(TextsOf(storm), TextsOf(from));
}

std::string SecuritySettingsAsWords(const PortSettings& settings, const PortSettings& from) {
  return WordsOf(TextsOf(settings.security), TextsOf(from.security));
}

}  // namespace tapswitch
