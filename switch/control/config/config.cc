#include "switch/control/config/config.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "ports/os/control_folders.h"
#include "ports/port_types.h"
#include "switch/control/commands/duration.h"
#include "switch/control/commands/reserved_names.h"

namespace tapswitch {
namespace {

// The limit keeps the table's slots within 32 bits; 32 bytes each make 1 GiB.
constexpr uint64_t kFdbLimit = uint64_t{1} << 24U;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

absl::Status CheckName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 15 && name != "." && name != ".." &&
                    name.find_first_of("/: \t\n") == std::string_view::npos;
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--name=", View(name), ": a name has 1 to 15 characters, no '/', ':' or space"));
}

absl::StatusOr<IoMode> ParseIo(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, IoMode>, 3> kModes{
      {{"auto", IoMode::kAuto}, {"uring", IoMode::kUring}, {"epoll", IoMode::kEpoll}}};
  for (const auto& [name, mode] : kModes) {
    if (text == name) return mode;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--io=", View(text), ": expected auto, uring or epoll"));
}

absl::StatusOr<bool> ParseAutoOrOff(std::string_view flag, std::string_view text) {
  if (text == "auto" || text == "off") return text == "auto";
  return absl::InvalidArgumentError(
      absl::StrCat("--", View(flag), "=", View(text), ": expected auto or off"));
}

// Returns the nanoseconds that `text` states with a unit; nullopt if it states none.
std::optional<double> ParseNanoseconds(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 3> kUnits{
      {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
  const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(),
                                        [&](const auto& one) { return text.ends_with(one.first); });
  if (unit == kUnits.end()) return std::nullopt;
  const auto number = text.substr(0, text.size() - unit->first.size());
  double value = 0;
  const bool is_number = number.find_first_not_of("0123456789.") == std::string_view::npos &&
                         absl::SimpleAtod(View(number), &value);
  return is_number ? std::optional(value * unit->second) : std::nullopt;
}

// A fixed span is at most a second: whoever wants more wants a loop that never sleeps, and would
// not get it.
absl::StatusOr<BusyPoll> ParseBusyPoll(std::string_view text) {
  constexpr std::chrono::nanoseconds kLongest = std::chrono::seconds(1);
  if (text == "auto") return BusyPoll{.mode = BusyPoll::Mode::kAuto};
  if (text == "off") return BusyPoll{.mode = BusyPoll::Mode::kOff};
  const auto span = ParseNanoseconds(text);
  if (!span || *span > static_cast<double>(kLongest.count())) {
    return absl::InvalidArgumentError(
        absl::StrCat("--busy_poll=", View(text),
                     ": expected auto, off, or a duration with a unit, such as 50us, up to 1s"));
  }
  const std::chrono::nanoseconds fixed(static_cast<int64_t>(*span));
  if (fixed == std::chrono::nanoseconds(0)) return BusyPoll{.mode = BusyPoll::Mode::kOff};
  return BusyPoll{.mode = BusyPoll::Mode::kFixed, .span = fixed};
}

absl::StatusOr<std::optional<size_t>> ParseWorkers(const std::string& text) {
  if (text == "auto") return std::nullopt;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number == 0 || number > kMaxWorkers) {
    return absl::InvalidArgumentError(
        absl::StrCat("--workers=", text, ": expected auto, or a number from 1 to ", kMaxWorkers));
  }
  return number;
}

absl::StatusOr<std::vector<PortSpec>> ParsePorts(std::span<const std::string> texts) {
  std::vector<PortSpec> ports;
  std::set<std::string> names;
  const auto too_many = [](size_t count) {
    return absl::InvalidArgumentError(
        absl::StrCat(count, " ports: a bridge has at most ", kMaxPorts));
  };
  if (texts.size() > kMaxPorts) return too_many(texts.size());
  for (const std::string& text : texts) {
    auto spec = ParsePortSpec(text);
    if (!spec.ok()) return spec.status();
    if (absl::Status named = CheckPortName(spec->name); !named.ok()) return named;
    auto expanded = ExpandPort(*spec);
    if (!expanded.ok()) return expanded.status();
    for (PortSpec& port : *expanded) {
      if (!names.insert(port.name).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("port ", port.name, " is given twice: name each port once"));
      }
      ports.push_back(std::move(port));
    }
  }
  if (ports.size() > kMaxPorts) return too_many(ports.size());
  return ports;
}

absl::StatusOr<AttachText> ParseAttachText(std::string_view text) {
  constexpr size_t kLongestGlob = 64;
  const auto bad = [&](std::string_view problem) {
    return absl::InvalidArgumentError(
        absl::StrCat("--attach: '", View(text), "': ", View(problem)));
  };
  const size_t comma = text.find(',');
  AttachText attach{.glob = std::string(text.substr(0, comma)), .words = {}};
  if (attach.glob.empty()) return bad("there is no pattern: write GLOB[,WORD[=VALUE]]...");
  if (attach.glob.size() > kLongestGlob) return bad("the pattern is longer than 64 characters");
  if (attach.glob.find_first_of("/: \t\n=") != std::string::npos) {
    return bad("no name of an interface has '/', ':', '=' or space: leave it out");
  }
  if (comma == std::string_view::npos) return attach;
  auto words = ParsePortOptions(text.substr(comma + 1));
  if (!words.ok()) return bad(std::string(words.status().message()));
  attach.words = *std::move(words);
  return attach;
}

absl::StatusOr<std::vector<AttachText>> ParseAttach(std::string_view text) {
  std::vector<AttachText> all;
  while (!text.empty()) {
    const size_t end = text.find(';');
    auto one = ParseAttachText(text.substr(0, end));
    if (!one.ok()) return one.status();
    all.push_back(*std::move(one));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return all;
}

absl::Status ParseAccounts(const ConfigText& text, Config& config) {
  if (!text.control_group.empty()) {
    config.control_group = FindGroup(text.control_group);
    if (!config.control_group) {
      return absl::InvalidArgumentError(
          absl::StrCat("--control_group=", text.control_group,
                       ": there is no such group: name one that exists"));
    }
  }
  if (text.user.empty()) return absl::OkStatus();
  config.user = FindUser(text.user);
  if (config.user) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--user=", text.user, ": there is no such user: name one that exists"));
}

}  // namespace

absl::StatusOr<Config> ParseConfig(const ConfigText& text) {
  Config config{.name = text.name};
  if (absl::Status named = CheckName(text.name); !named.ok()) return named;
  const auto ageing = ParseDuration(text.ageing_time);
  if (!ageing.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--ageing_time ", ageing.status().message()));
  }
  config.ageing = *ageing;
  if (text.fdb_max == 0 || text.fdb_max > kFdbLimit) {
    return absl::InvalidArgumentError(
        absl::StrCat("--fdb_max=", text.fdb_max, ": expected a number from 1 to ", kFdbLimit));
  }
  config.fdb_max = static_cast<uint32_t>(text.fdb_max);
  const auto workers = ParseWorkers(text.workers);
  if (!workers.ok()) return workers.status();
  config.workers = *workers;
  config.vlan_filtering = text.vlan_filtering;
  const auto io = ParseIo(text.io);
  if (!io.ok()) return io.status();
  config.io = *io;
  const auto gro = ParseAutoOrOff("gro", text.gro);
  if (!gro.ok()) return gro.status();
  config.gro = *gro;
  const auto kernel = ParseAutoOrOff("kernel_forwarding", text.kernel_forwarding);
  if (!kernel.ok()) return kernel.status();
  config.kernel_forwarding = *kernel;
  const auto busy_poll = ParseBusyPoll(text.busy_poll);
  if (!busy_poll.ok()) return busy_poll.status();
  config.busy_poll = *busy_poll;
  const auto lease = ParseDuration(text.host_lease);
  if (!lease.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--host_lease ", lease.status().message()));
  }
  config.host_lease = std::chrono::milliseconds(lease->centiseconds * 10);
  if (absl::Status accounts = ParseAccounts(text, config); !accounts.ok()) return accounts;
  config.control_socket = text.control_socket.empty()
                              ? ControlSocketPath(ControlFolders().front(), text.name)
                              : text.control_socket;
  config.startup_file = text.startup_file;
  config.metrics_address = text.metrics_address;
  auto ports = ParsePorts(text.ports);
  if (!ports.ok()) return ports.status();
  config.ports = *std::move(ports);
  auto attach = ParseAttach(text.attach);
  if (!attach.ok()) return attach.status();
  config.attach = *std::move(attach);
  return config;
}

}  // namespace tapswitch
