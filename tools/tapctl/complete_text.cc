#include "tools/tapctl/complete_text.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "ports/os/text.h"
#include "tools/tapctl/view/render.h"

namespace tapswitch {
namespace {

// What may stand behind a '='.
enum class ValueKind { kAny, kSwitch, kChoice, kFile, kNamespace, kInterface };

struct CompletedKey {
  std::string_view of;  // the type of a port; empty: a flag of tapswitchd
  std::string_view name;
  ValueKind kind = ValueKind::kAny;
  std::string_view choices{};  // separated by '|'
};

constexpr std::array kKeys{
    CompletedKey{"tap", "netns", ValueKind::kNamespace},
    CompletedKey{"tap", "mtu"},
    CompletedKey{"tap", "txqueuelen"},
    CompletedKey{"tap", "user"},
    CompletedKey{"tap", "group"},
    CompletedKey{"tap", "persist", ValueKind::kSwitch},
    CompletedKey{"tap", "queues"},
    CompletedKey{"tap", "offload", ValueKind::kSwitch},
    CompletedKey{"tap", "up", ValueKind::kSwitch},
    CompletedKey{"netdev", "host", ValueKind::kChoice, "shared"},
    CompletedKey{"netdev", "netns", ValueKind::kNamespace},
    CompletedKey{"veth", "netns", ValueKind::kNamespace},
    CompletedKey{"veth", "mtu"},
    CompletedKey{"veth", "txqueuelen"},
    CompletedKey{"veth", "persist", ValueKind::kSwitch},
    CompletedKey{"veth", "up", ValueKind::kSwitch},
    CompletedKey{"unix", "path", ValueKind::kFile},
    CompletedKey{"unix", "mode", ValueKind::kChoice, "stream|dgram"},
    CompletedKey{"unix", "clients"},
    CompletedKey{"unix", "perm"},
    CompletedKey{"unix", "user"},
    CompletedKey{"unix", "group"},
    CompletedKey{"unix", "mtu"},
    CompletedKey{"unix", "remote", ValueKind::kFile},
    CompletedKey{"unix", "fd"},
    CompletedKey{"link", "to"},
    CompletedKey{"link", "mtu"},
    CompletedKey{"tun", "address"},
    CompletedKey{"tun", "gateway"},
    CompletedKey{"tun", "route"},
    CompletedKey{"tun", "mac"},
    CompletedKey{"tun", "attach"},
    CompletedKey{"tun", "netns", ValueKind::kNamespace},
    CompletedKey{"tun", "mtu"},
    CompletedKey{"tun", "user"},
    CompletedKey{"tun", "group"},
    CompletedKey{"tun", "persist", ValueKind::kSwitch},
    CompletedKey{"udp", "local"},
    CompletedKey{"udp", "remote"},
    CompletedKey{"udp", "mtu"},
    CompletedKey{"vhost", "path", ValueKind::kFile},
    CompletedKey{"vhost", "mode", ValueKind::kChoice, "server|client"},
    CompletedKey{"vhost", "queues"},
    CompletedKey{"vhost", "perm"},
    CompletedKey{"vhost", "user"},
    CompletedKey{"vhost", "group"},
    CompletedKey{"vhost", "mtu"},
    CompletedKey{"", "--io", ValueKind::kChoice, "auto|uring|epoll"},
    CompletedKey{"", "--gro", ValueKind::kChoice, "auto|off"},
    CompletedKey{"", "--kernel_forwarding", ValueKind::kChoice, "auto|off"},
    CompletedKey{"", "--log_level", ValueKind::kChoice, "debug|info|warn|error|off"},
    CompletedKey{"", "--vlan_filtering", ValueKind::kSwitch},
    CompletedKey{"", "--check", ValueKind::kSwitch},
    CompletedKey{"", "--startup", ValueKind::kFile},
    CompletedKey{"", "--flagfile", ValueKind::kFile},
    CompletedKey{"", "--control_socket", ValueKind::kFile},
    CompletedKey{"", "--attach", ValueKind::kInterface},
};

Candidates Choices(std::string_view joined) {
  Candidates choices;
  while (!joined.empty()) {
    const std::string_view choice = joined.substr(0, joined.find('|'));
    choices.emplace(choice);
    joined.remove_prefix(std::min(joined.size(), choice.size() + 1));
  }
  return choices;
}

Candidates Interfaces() {
  Candidates names;
  struct if_nameindex* const all = if_nameindex();
  if (all == nullptr) return names;
  for (const struct if_nameindex* one = all; one->if_index != 0; ++one) {
    if (IsUtf8(one->if_name)) names.insert(Printable(one->if_name));
  }
  if_freenameindex(all);
  return names;
}

Candidates Namespaces() {
  Candidates names;
  std::error_code error;  // nobody has made one
  for (std::filesystem::directory_iterator at("/run/netns", error), end; at != end;
       at.increment(error)) {
    names.insert(Printable(at->path().filename().string()));
  }
  return names;
}

Candidates ValuesFor(const CompletedKey& key) {
  switch (key.kind) {
    case ValueKind::kSwitch:
      return {"on", "off"};
    case ValueKind::kChoice:
      return Choices(key.choices);
    case ValueKind::kFile:
      return {std::string(kFiles)};
    case ValueKind::kNamespace:
      return Namespaces();
    case ValueKind::kInterface:
      return Interfaces();
    case ValueKind::kAny:
      break;
  }
  return {};
}

Candidates ValuesOf(std::string_view of, std::string_view name) {
  const auto* const key = std::find_if(kKeys.begin(), kKeys.end(), [&](const CompletedKey& one) {
    return one.of == of && one.name == name;
  });
  return key == kKeys.end() ? Candidates() : ValuesFor(*key);
}

// The candidates that go on as `written` does, each behind `before`.
Candidates Behind(std::string_view before, std::string_view written, const Candidates& all) {
  Candidates matching;
  for (const std::string& one : all) {
    if (one == kFiles) return {one};
    if (one.starts_with(written)) matching.insert(std::string(before) + one);
  }
  return matching;
}

Candidates KeysOf(std::string_view type) {
  Candidates keys;
  for (const CompletedKey& key : kKeys) {
    const bool is_alone = key.name == "persist";
    if (key.of == type) keys.insert(std::string(key.name) + (is_alone ? "" : "="));
  }
  return keys;
}

}  // namespace

Candidates PortTexts(std::string_view written) {
  const size_t colon = written.substr(0, written.find(',')).find(':');
  const bool has_type = colon != std::string_view::npos;
  const std::string_view type = has_type ? written.substr(0, colon) : "tap";
  const size_t comma = written.rfind(',');
  if (comma == std::string_view::npos) {
    if (!has_type) return Behind("", written, {"tap:", "netdev:", "unix:"});
    const Candidates names = type == "netdev" ? Interfaces() : Candidates();
    return Behind(written.substr(0, colon + 1), written.substr(colon + 1), names);
  }
  const std::string_view option = written.substr(comma + 1);
  const size_t equals = option.find('=');
  if (equals == std::string_view::npos) {
    return Behind(written.substr(0, comma + 1), option, KeysOf(type));
  }
  return Behind(written.substr(0, comma + 1 + equals + 1), option.substr(equals + 1),
                ValuesOf(type, option.substr(0, equals)));
}

Candidates DaemonTexts(std::string_view written) {
  if (!written.starts_with('-')) return PortTexts(written);
  const size_t equals = written.find('=');
  if (equals == std::string_view::npos) return {};
  return Behind(written.substr(0, equals + 1), written.substr(equals + 1),
                ValuesOf("", written.substr(0, equals)));
}

}  // namespace tapswitch
