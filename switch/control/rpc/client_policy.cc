#include "switch/control/rpc/client_policy.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ports/os/control_folders.h"
#include "ports/os/text.h"
#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

enum class Meaning {
  kHarmless,      // it changes how the port works, and nothing else
  kFile,          // a file that the switch makes or writes to
  kRightsOfFile,  // who may use the file of path=
  kNamespace,     // a name of `ip netns`, or any file
  kReserved,      // it gives away, leaves behind or sends to other machines what is root's
};

struct Rule {
  std::string_view type;
  std::string_view key;
  Meaning meaning;
};

// The keys of all port types. A key that is not listed here is kReserved.
constexpr std::array kRules{
    Rule{"tap", "mtu", Meaning::kHarmless},         Rule{"tap", "queues", Meaning::kHarmless},
    Rule{"tap", "txqueuelen", Meaning::kHarmless},  Rule{"tap", "offload", Meaning::kHarmless},
    Rule{"tap", "up", Meaning::kHarmless},          Rule{"tap", "netns", Meaning::kNamespace},
    Rule{"tap", "user", Meaning::kReserved},        Rule{"tap", "group", Meaning::kReserved},
    Rule{"tap", "persist", Meaning::kReserved},     Rule{"netdev", "host", Meaning::kHarmless},
    Rule{"netdev", "netns", Meaning::kNamespace},   Rule{"netdev", "wait", Meaning::kHarmless},
    Rule{"veth", "netns", Meaning::kNamespace},     Rule{"veth", "mtu", Meaning::kHarmless},
    Rule{"veth", "txqueuelen", Meaning::kHarmless}, Rule{"veth", "up", Meaning::kHarmless},
    Rule{"veth", "persist", Meaning::kReserved},    Rule{"unix", "mode", Meaning::kHarmless},
    Rule{"unix", "clients", Meaning::kHarmless},    Rule{"unix", "mtu", Meaning::kHarmless},
    Rule{"unix", "path", Meaning::kFile},           Rule{"unix", "remote", Meaning::kFile},
    Rule{"unix", "perm", Meaning::kRightsOfFile},   Rule{"unix", "user", Meaning::kRightsOfFile},
    Rule{"unix", "group", Meaning::kRightsOfFile},  Rule{"unix", "fd", Meaning::kReserved},
    Rule{"link", "mtu", Meaning::kHarmless},        Rule{"link", "to", Meaning::kReserved},
    Rule{"tun", "address", Meaning::kHarmless},     Rule{"tun", "gateway", Meaning::kHarmless},
    Rule{"tun", "route", Meaning::kHarmless},       Rule{"tun", "mac", Meaning::kHarmless},
    Rule{"tun", "attach", Meaning::kHarmless},      Rule{"tun", "mtu", Meaning::kHarmless},
    Rule{"tun", "netns", Meaning::kNamespace},      Rule{"tun", "user", Meaning::kReserved},
    Rule{"tun", "group", Meaning::kReserved},       Rule{"tun", "persist", Meaning::kReserved},
    Rule{"udp", "mtu", Meaning::kHarmless},         Rule{"udp", "local", Meaning::kReserved},
    Rule{"udp", "remote", Meaning::kReserved},      Rule{"vhost", "mode", Meaning::kHarmless},
    Rule{"vhost", "queues", Meaning::kHarmless},    Rule{"vhost", "mtu", Meaning::kHarmless},
    Rule{"vhost", "path", Meaning::kFile},          Rule{"vhost", "perm", Meaning::kRightsOfFile},
    Rule{"vhost", "user", Meaning::kRightsOfFile},  Rule{"vhost", "group", Meaning::kRightsOfFile},
};

Meaning MeaningOf(std::string_view type, std::string_view key) {
  const auto* const rule = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& candidate) {
    return candidate.type == type && candidate.key == key;
  });
  return rule == kRules.end() ? Meaning::kReserved : rule->meaning;
}

absl::Status Refuse(const PortSpec& spec, const PortOption& option, std::string_view why) {
  return absl::PermissionDeniedError(fmt::format("port '{}': {}={}: {}, or have root add the port",
                                                 spec.name, option.key, option.value.value_or(""),
                                                 why));
}

}  // namespace

ClientPolicy ClientPolicy::OfProcess() { return {geteuid(), ControlFolders().front()}; }

bool ClientPolicy::IsTrusted(const ControlPeer& peer) const {
  return peer.uid == 0 || peer.uid == daemon_;
}

absl::Status ClientPolicy::Check(const ControlPeer& peer, std::string_view method,
                                 const nlohmann::json& params) const {
  if (IsTrusted(peer)) return absl::OkStatus();
  // A file of commands may hold whatever port.add takes, and whoever may end the switch decides for
  // all that use it.
  if (method == "config.apply" || method == "config.reload" || method == "bridge.stop" ||
      method == "bridge.upgrade" || method == "bridge.adopt" || method == "bridge.release") {
    return absl::PermissionDeniedError(
        fmt::format("{}: only root and the user who started the switch may do that", method));
  }
  if (!params.is_object()) return absl::OkStatus();
  if (method == "link.carrier") return CheckGuest(params);
  if (method != "port.add") return absl::OkStatus();
  const auto text = params.find("port");
  if (text == params.end() || !text->is_string()) return absl::OkStatus();
  const auto spec = ParsePortSpec(text->get_ref<const std::string&>());
  // A malformed text is not opened either: its method says what is wrong.
  return spec.ok() && CheckPort(*spec).ok() ? CheckPortText(*spec) : absl::OkStatus();
}

// The switch connects to the socket, and sends commands to what is there.
absl::Status ClientPolicy::CheckGuest(const nlohmann::json& params) const {
  const auto socket = params.find("qmp");
  if (socket == params.end() || !socket->is_string() || *socket == "off") return absl::OkStatus();
  const auto& path = socket->get_ref<const std::string&>();
  if (IsInFolder(path)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("link.carrier: qmp '{:.120}': only root may name sockets elsewhere: use "
                  "{}/NAME.sock, or have root say so",
                  Escaped(path), folder_));
}

absl::Status ClientPolicy::CheckPortText(const PortSpec& spec) const {
  for (const PortOption& option : spec.options) {
    if (absl::Status may = CheckOption(spec, option); !may.ok()) return may;
  }
  return absl::OkStatus();
}

absl::Status ClientPolicy::CheckOption(const PortSpec& spec, const PortOption& option) const {
  const std::string value = option.value.value_or("");
  switch (MeaningOf(spec.type, option.key)) {
    case Meaning::kHarmless:
    case Meaning::kRightsOfFile:  // whose path= is judged by itself
      return absl::OkStatus();
    case Meaning::kFile:
      if (IsInFolder(value)) return absl::OkStatus();
      return Refuse(spec, option,
                    fmt::format("only root may name files elsewhere: use {}/NAME.sock", folder_));
    case Meaning::kNamespace:
      if (value.find('/') == std::string::npos) return absl::OkStatus();
      return Refuse(spec, option,
                    "only root may name a namespace by a path: use a name of 'ip netns'");
    case Meaning::kReserved:
      break;
  }
  return Refuse(spec, option, "only root may say so: leave it out");
}

// Whether the path is directly in the folder: only root and the daemon's user can put a link there.
bool ClientPolicy::IsInFolder(std::string_view path) const {
  if (!path.starts_with(folder_)) return false;
  path.remove_prefix(folder_.size());
  return path.size() > 1 && path.front() == '/' && path.rfind('/') == 0 && path != "/." &&
         path != "/..";
}

}  // namespace tapswitch
