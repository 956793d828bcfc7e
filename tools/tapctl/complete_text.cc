#include "tools/tapctl/complete_text.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "ports/os/text.h"
#include "ports/port_type_texts.h"
#include "tools/tapctl/port_keys.h"
#include "tools/tapctl/render/render.h"

namespace tapswitch {
namespace {

// What may stand behind the '=' of a flag of tapswitchd.
enum class ValueKind { kSwitch, kChoice, kFile, kInterface };

struct CompletedFlag {
  std::string_view name;
  ValueKind kind;
  std::string_view choices{};  // separated by '|'
};

constexpr std::array kFlags{
    CompletedFlag{"--io", ValueKind::kChoice, "auto|uring|epoll"},
    CompletedFlag{"--gro", ValueKind::kChoice, "auto|off"},
    CompletedFlag{"--kernel_forwarding", ValueKind::kChoice, "auto|off"},
    CompletedFlag{"--log_level", ValueKind::kChoice, "debug|info|warn|error|off"},
    CompletedFlag{"--vlan_filtering", ValueKind::kSwitch},
    CompletedFlag{"--check", ValueKind::kSwitch},
    CompletedFlag{"--startup", ValueKind::kFile},
    CompletedFlag{"--flagfile", ValueKind::kFile},
    CompletedFlag{"--control_socket", ValueKind::kFile},
    CompletedFlag{"--attach", ValueKind::kInterface},
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

Candidates ValuesOfFlag(std::string_view name) {
  const auto* const flag = std::ranges::find(kFlags, name, &CompletedFlag::name);
  if (flag == kFlags.end()) return {};
  switch (flag->kind) {
    case ValueKind::kSwitch:
      return {"on", "off"};
    case ValueKind::kChoice:
      return Choices(flag->choices);
    case ValueKind::kFile:
      return {std::string(kFiles)};
    case ValueKind::kInterface:
      return Interfaces();
  }
  return {};
}

// `value` is as the help of a type of port writes it.
Candidates ValuesFor(std::string_view value) {
  if (value == "PATH") return {std::string(kFiles)};
  if (value == "NAME|PATH") return Namespaces();
  const bool is_literal = !value.empty() && value.front() >= 'a' && value.front() <= 'z';
  return is_literal ? Choices(value) : Candidates();
}

Candidates ValuesOfKey(std::string_view type, std::string_view name) {
  Candidates values;
  for (const PortKey& key : PortKeysOf(type)) {
    if (key.name == name) values.merge(ValuesFor(key.value));
  }
  return values;
}

Candidates KeysOf(std::string_view type) {
  Candidates keys;
  for (const PortKey& key : PortKeysOf(type)) {
    keys.insert(std::string(key.name) + (key.stands_alone ? "" : "="));
  }
  return keys;
}

Candidates Types() {
  Candidates types;
  for (const PortTypeText& type : kPortTypeTexts) types.insert(std::string(type.name) + ":");
  return types;
}

// The names that a port of the type may have, as far as the machine tells them.
Candidates NamesFor(std::string_view type) {
  const PortTypeText* const text = FindPortTypeText(type);
  const bool has_foreign = text != nullptr && text->interface == InterfaceOrigin::kForeign;
  return has_foreign ? Interfaces() : Candidates();
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

}  // namespace

Candidates PortTexts(std::string_view written) {
  const size_t colon = written.substr(0, written.find(',')).find(':');
  const bool has_type = colon != std::string_view::npos;
  const std::string_view type = has_type ? written.substr(0, colon) : kPortTypeTexts.front().name;
  const size_t comma = written.rfind(',');
  if (comma == std::string_view::npos) {
    if (!has_type) return Behind("", written, Types());
    return Behind(written.substr(0, colon + 1), written.substr(colon + 1), NamesFor(type));
  }
  const std::string_view option = written.substr(comma + 1);
  const size_t equals = option.find('=');
  if (equals == std::string_view::npos) {
    return Behind(written.substr(0, comma + 1), option, KeysOf(type));
  }
  return Behind(written.substr(0, comma + 1 + equals + 1), option.substr(equals + 1),
                ValuesOfKey(type, option.substr(0, equals)));
}

Candidates DaemonTexts(std::string_view written) {
  if (!written.starts_with('-')) return PortTexts(written);
  const size_t equals = written.find('=');
  if (equals == std::string_view::npos) return {};
  return Behind(written.substr(0, equals + 1), written.substr(equals + 1),
                ValuesOfFlag(written.substr(0, equals)));
}

}  // namespace tapswitch
