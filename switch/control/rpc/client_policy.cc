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

enum class Right {
  kEverybody,  // it concerns only this switch
  kTrusted,    // it ends the switch for all, or reaches what is root's
  kByPort,     // it depends on the port's text
  kByGuest,    // it depends on the guest's socket
};

struct MethodRight {
  std::string_view method;
  Right right;
};

// All methods. A file of commands may hold whatever port.add takes; a VNI is an interface and a UDP
// port of the machine's; and whoever may end the switch decides for all that use it.
constexpr std::array kMethods{
    MethodRight{"bridge.adopt", Right::kTrusted},
    MethodRight{"bridge.list", Right::kEverybody},
    MethodRight{"bridge.release", Right::kTrusted},
    MethodRight{"bridge.set", Right::kEverybody},
    MethodRight{"bridge.stop", Right::kTrusted},
    MethodRight{"bridge.upgrade", Right::kTrusted},
    MethodRight{"capture.start", Right::kEverybody},
    MethodRight{"config.apply", Right::kTrusted},
    MethodRight{"config.reload", Right::kTrusted},
    MethodRight{"config.save", Right::kEverybody},
    MethodRight{"evpn.add", Right::kTrusted},
    MethodRight{"evpn.del", Right::kTrusted},
    MethodRight{"evpn.list", Right::kEverybody},
    MethodRight{"fdb.add", Right::kEverybody},
    MethodRight{"fdb.append", Right::kEverybody},
    MethodRight{"fdb.del", Right::kEverybody},
    MethodRight{"fdb.flush", Right::kEverybody},
    MethodRight{"fdb.get", Right::kEverybody},
    MethodRight{"fdb.list", Right::kEverybody},
    MethodRight{"fdb.replace", Right::kEverybody},
    MethodRight{"impair.del", Right::kEverybody},
    MethodRight{"impair.list", Right::kEverybody},
    MethodRight{"impair.schedule", Right::kEverybody},
    MethodRight{"impair.set", Right::kEverybody},
    MethodRight{"kernel.list", Right::kEverybody},
    MethodRight{"link.carrier", Right::kByGuest},
    MethodRight{"link.list", Right::kEverybody},
    MethodRight{"link.set", Right::kEverybody},
    MethodRight{"loop.list", Right::kEverybody},
    MethodRight{"loop.set", Right::kEverybody},
    MethodRight{"mdb.add", Right::kEverybody},
    MethodRight{"mdb.del", Right::kEverybody},
    MethodRight{"mdb.flush", Right::kEverybody},
    MethodRight{"mdb.get", Right::kEverybody},
    MethodRight{"mdb.list", Right::kEverybody},
    MethodRight{"mdb.replace", Right::kEverybody},
    MethodRight{"mirror.add", Right::kEverybody},
    MethodRight{"mirror.del", Right::kEverybody},
    MethodRight{"mirror.list", Right::kEverybody},
    MethodRight{"monitor.start", Right::kEverybody},
    MethodRight{"multicast.doctor", Right::kEverybody},
    MethodRight{"multicast.list", Right::kEverybody},
    MethodRight{"neigh.del", Right::kEverybody},
    MethodRight{"neigh.flush", Right::kEverybody},
    MethodRight{"neigh.list", Right::kEverybody},
    MethodRight{"neigh.replace", Right::kEverybody},
    MethodRight{"port.add", Right::kByPort},
    MethodRight{"port.del", Right::kEverybody},
    MethodRight{"port.explain", Right::kEverybody},
    MethodRight{"port.list", Right::kEverybody},
    MethodRight{"port.recover", Right::kEverybody},
    MethodRight{"port.set", Right::kEverybody},
    MethodRight{"reach", Right::kEverybody},
    MethodRight{"security.allow", Right::kEverybody},
    MethodRight{"security.disallow", Right::kEverybody},
    MethodRight{"security.list", Right::kEverybody},
    MethodRight{"security.set", Right::kEverybody},
    MethodRight{"storm.list", Right::kEverybody},
    MethodRight{"storm.set", Right::kEverybody},
    MethodRight{"stp.list", Right::kEverybody},
    MethodRight{"stp.mcheck", Right::kEverybody},
    MethodRight{"trace", Right::kEverybody},
    MethodRight{"vlan.add", Right::kEverybody},
    MethodRight{"vlan.del", Right::kEverybody},
    MethodRight{"vlan.global_list", Right::kEverybody},
    MethodRight{"vlan.global_set", Right::kEverybody},
    MethodRight{"vlan.list", Right::kEverybody},
    MethodRight{"vlan.set", Right::kEverybody},
};

// Null when it is not listed. `show` is another word for `list`.
const MethodRight* FindMethod(std::string_view method) {
  constexpr std::string_view kShow = ".show";
  const bool is_show = method.ends_with(kShow);
  if (is_show) method.remove_suffix(kShow.size());
  const auto* const found =
      std::find_if(kMethods.begin(), kMethods.end(), [&](const MethodRight& candidate) {
        if (!is_show) return candidate.method == method;
        return candidate.method.starts_with(method) &&
               candidate.method.substr(method.size()) == ".list";
      });
  return found == kMethods.end() ? nullptr : found;
}

Right RightOf(std::string_view method) {
  const MethodRight* const found = FindMethod(method);
  return found == nullptr ? Right::kTrusted : found->right;
}

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

bool ClientPolicy::Judges(std::string_view method) { return FindMethod(method) != nullptr; }

bool ClientPolicy::IsTrusted(const ControlPeer& peer) const {
  return peer.uid == 0 || peer.uid == daemon_;
}

absl::Status ClientPolicy::Check(const ControlPeer& peer, std::string_view method,
                                 const nlohmann::json& params) const {
  if (IsTrusted(peer)) return absl::OkStatus();
  const Right right = RightOf(method);
  if (right == Right::kTrusted) {
    return absl::PermissionDeniedError(
        fmt::format("{}: only root and the user who started the switch may do that", method));
  }
  if (!params.is_object() || right == Right::kEverybody) return absl::OkStatus();
  return right == Right::kByGuest ? CheckGuest(params) : CheckPort(params);
}

absl::Status ClientPolicy::CheckPort(const nlohmann::json& params) const {
  const auto text = params.find("port");
  if (text == params.end() || !text->is_string()) return absl::OkStatus();
  const auto spec = ParsePortSpec(text->get_ref<const std::string&>());
  // A malformed text is not opened either: its method says what is wrong.
  return spec.ok() && tapswitch::CheckPort(*spec).ok() ? CheckPortText(*spec) : absl::OkStatus();
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
