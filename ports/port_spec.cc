#include "ports/port_spec.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <system_error>

#include "ports/os/text.h"
#include "ports/os/user_accounts.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// IFNAMSIZ without the terminating zero.
constexpr size_t kLongestInterfaceName = 15;

// What isspace() finds in the C locale.
constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";

absl::Status Bad(const std::string& message) { return absl::InvalidArgumentError(message); }

// The text up to the first `separator`, which is removed from `rest` together with it.
std::string_view CutAt(char separator, std::string_view& rest) {
  const size_t at = rest.find(separator);
  const std::string_view head = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return head;
}

absl::StatusOr<PortOption> ParseOption(std::string_view text) {
  const bool has_value = text.find('=') != std::string_view::npos;
  std::string_view rest = text;
  PortOption option{.key = std::string(CutAt('=', rest)), .value = {}};
  if (has_value) option.value = std::string(rest);
  if (!option.key.empty()) return option;
  return Bad(text.empty() ? "there is an empty option: remove the ',' that is too many"
                          : fmt::format("'{}' has no key: write KEY=VALUE", text));
}

// Keys that may be given several times, each with one of several values.
bool IsList(std::string_view key) { return key == "address" || key == "gateway" || key == "route"; }

// The all-ones id means "nobody" to the kernel, which would lift a restriction.
constexpr uint32_t kMostId = std::numeric_limits<uint32_t>::max() - 1;

absl::StatusOr<uint32_t> ReadId(const PortOption& option, std::string_view what,
                                std::optional<uint32_t> (*find)(const std::string& name)) {
  const auto name = ReadText(option);
  if (!name.ok()) return name.status();
  if (const auto number = ReadNumber(option, 0, kMostId); number.ok()) return *number;
  if (const auto id = find(*name)) return *id;
  return absl::InvalidArgumentError(fmt::format(
      "{}={}: there is no such {}: give a name or a number that exists", option.key, *name, what));
}

std::optional<uint32_t> FindUserId(const std::string& name) {
  const auto account = FindUser(name);
  return account ? std::optional(account->uid) : std::nullopt;
}

}  // namespace

absl::Status CheckInterfaceName(std::string_view name) {
  if (name.empty()) return Bad("the interface name is empty: give one of 1 to 15 characters");
  if (name.size() > kLongestInterfaceName) {
    return Bad(fmt::format("interface name '{}' has {} characters: {} are the most", name,
                           name.size(), kLongestInterfaceName));
  }
  if (name == "." || name == "..") {
    return Bad(fmt::format("'{}' cannot name an interface: choose another name", name));
  }
  // What no client could name: the answers of the switch are JSON.
  if (!IsUtf8(name)) {
    return Bad(fmt::format("interface name '{}' is not UTF-8: rename it (ip link set ... name ...)",
                           Escaped(name)));
  }
  const bool is_bad = name.find_first_of("/:%") != std::string_view::npos ||
                      name.find_first_of(kWhiteSpace) != std::string_view::npos;
  if (!is_bad) return absl::OkStatus();
  return Bad(fmt::format("interface name '{}': leave out '/', ':', '%' and white space", name));
}

absl::StatusOr<PortSpec> ParsePortSpec(std::string_view text) {
  const auto bad = [text](std::string_view problem) {
    return Bad(fmt::format("port '{}': {}", text, problem));
  };
  // The kernel would take what is before it.
  if (text.find('\0') != std::string_view::npos) return bad("there is a zero byte in it");
  PortSpec spec;
  std::string_view rest = text;
  std::string_view name = CutAt(',', rest);
  if (name.find(':') != std::string_view::npos) {
    spec.type = CutAt(':', name);
    if (spec.type.empty()) return bad("there is no type before ':': write TYPE:NAME, or NAME");
  }
  if (const absl::Status checked = CheckInterfaceName(name); !checked.ok()) {
    return bad(std::string(checked.message()));
  }
  spec.name = name;

  // A ',' at the end announces an option, and an empty one is an error.
  if (text.find(',') == std::string_view::npos) return spec;
  auto options = ParsePortOptions(rest);
  if (!options.ok()) return bad(std::string(options.status().message()));
  spec.options = *std::move(options);
  return spec;
}

std::string SpecText(const PortSpec& spec) {
  std::string text =
      spec.type == kDefaultPortType ? spec.name : fmt::format("{}:{}", spec.type, spec.name);
  for (const PortOption& option : spec.options) {
    text += ',' + option.key;
    if (option.value) text += '=' + *option.value;
  }
  return text;
}

absl::StatusOr<std::vector<PortOption>> ParsePortOptions(std::string_view text) {
  std::vector<PortOption> options;
  for (bool has_more = true; has_more;) {
    has_more = text.find(',') != std::string_view::npos;
    auto option = ParseOption(CutAt(',', text));
    if (!option.ok()) return option.status();
    const auto is_same = [&](const PortOption& other) { return other.key == option->key; };
    if (!IsList(option->key) && std::any_of(options.begin(), options.end(), is_same)) {
      return Bad(fmt::format("'{}' is given twice: give it once", option->key));
    }
    options.push_back(*std::move(option));
  }
  return options;
}

absl::Status CheckKeys(const PortSpec& spec, std::span<const std::string_view> known) {
  for (const PortOption& option : spec.options) {
    if (std::find(known.begin(), known.end(), option.key) != known.end()) continue;
    return Bad(fmt::format("port '{}': a {} port has no option '{}'; it has {}", spec.name,
                           spec.type, option.key, fmt::join(known, ", ")));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ReadOnOff(const PortOption& option) {
  const std::string_view value = option.value ? std::string_view(*option.value) : "on";
  if (value == "on" || value == "1") return true;
  if (value == "off" || value == "0") return false;
  return Bad(fmt::format("{}={}: expected on or off", option.key, value));
}

absl::StatusOr<uint32_t> ReadNumber(const PortOption& option, uint32_t least, uint32_t most) {
  const std::string_view text = option.value ? std::string_view(*option.value) : "";
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && number >= least && number <= most) return number;
  return Bad(fmt::format("{}={}: expected a number from {} to {}", option.key, text, least, most));
}

absl::StatusOr<std::string> ReadText(const PortOption& option) {
  if (option.value && !option.value->empty()) return *option.value;
  return Bad(fmt::format("{0} needs a value: write {0}=VALUE", option.key));
}

absl::StatusOr<uid_t> ReadUser(const PortOption& option) {
  return ReadId(option, "user", FindUserId);
}

absl::StatusOr<gid_t> ReadGroup(const PortOption& option) {
  return ReadId(option, "group", FindGroup);
}

}  // namespace tapswitch
