// Methods about mirrors.

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/config/mirror_config.h"
#include "switch/control/config/vlan_edit.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/show.h"

namespace tapswitch {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// A word of a command line that is none of those that `mirror add` has.
bool IsGoodName(std::string_view name) {
  constexpr size_t kLongest = 64;
  constexpr std::array<std::string_view, 7> kTaken{"from",   "dev",  "vlan", "ingress",
                                                   "egress", "both", "to"};
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= kLongest &&
         std::all_of(name.begin(), name.end(), is_plain) &&
         std::find(kTaken.begin(), kTaken.end(), name) == kTaken.end();
}

// One of `dev`, or an array of them.
absl::Status ReadPorts(const json& value, MirrorConfig& mirror) {
  const json list = value.is_array() ? value : json::array({value});
  for (const json& name : list) {
    if (!name.is_string()) return absl::InvalidArgumentError("dev: expected a port, or several");
    const auto& port = name.get_ref<const std::string&>();
    if (std::find(mirror.ports.begin(), mirror.ports.end(), port) == mirror.ports.end()) {
      mirror.ports.push_back(port);
    }
  }
  return absl::OkStatus();
}

// One of `vlan`, or an array of them: numbers, ranges or lists of these.
absl::Status ReadVlans(const json& value, MirrorConfig& mirror) {
  const json list = value.is_array() ? value : json::array({value});
  for (const json& one : list) {
    const auto vlans = ParseVlanList(one.is_string() ? one.get<std::string>() : one.dump());
    if (!vlans.ok()) return vlans.status();
    for (const VlanRange range : *vlans) {
      for (uint16_t id = range.first.value; id <= range.last.value; ++id) {
        mirror.vlans.insert(VlanId{id});
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ReadSources(const json& params, MirrorConfig& mirror) {
  if (const auto dev = params.find("dev"); dev != params.end()) {
    if (absl::Status read = ReadPorts(*dev, mirror); !read.ok()) return read;
  }
  const auto vlan = params.find("vlan");
  return vlan == params.end() ? absl::OkStatus() : ReadVlans(*vlan, mirror);
}

absl::Status ReadDirection(std::string_view text, MirrorConfig& mirror) {
  mirror.ingress = text == "ingress" || text == "both";
  mirror.egress = text == "egress" || text == "both";
  if (mirror.ingress || mirror.egress) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("direction '{:.100}': expected ingress, egress or both", text));
}

MethodResult AddMirror(const MethodContext& context, const MethodCall& call) {
  json plain = call.params;
  plain.erase("dev");
  plain.erase("vlan");
  ParamReader reader(plain);
  MirrorConfig mirror{.name = reader.Text("name")};
  const auto direction = reader.MaybeText("direction");
  mirror.destination = reader.Text("to");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!IsGoodName(mirror.name)) {
    return absl::InvalidArgumentError(
        fmt::format("name '{:.100}': letters, digits, '-', '_' and '.' make a name", mirror.name));
  }
  if (absl::Status read = ReadSources(call.params, mirror); !read.ok()) return read;
  if (absl::Status read = ReadDirection(direction.value_or("both"), mirror); !read.ok()) {
    return read;
  }
  BridgeConfig wanted = context.control.config();
  std::vector<std::string> ports = mirror.ports;
  ports.push_back(mirror.destination);
  for (const std::string& port : ports) {
    if (wanted.port(port) == nullptr) return context.control.FindPort(port).status();
  }
  if (absl::Status checked = CheckMirror(wanted.mirrors, mirror); !checked.ok()) return checked;
  wanted.mirrors.push_back(std::move(mirror));
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  return nullptr;
}

MethodResult DeleteMirror(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string name = reader.Text("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  BridgeConfig wanted = context.control.config();
  const auto gone =
      std::erase_if(wanted.mirrors, [&](const MirrorConfig& one) { return one.name == name; });
  if (gone == 0) {
    return absl::NotFoundError(fmt::format("'{:.100}' is no mirror: see tapctl mirror show", name));
  }
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  return nullptr;
}

MethodResult ListMirrors(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto name = reader.MaybeText("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  auto list = ordered_json::array();
  for (const MirrorConfig& mirror : context.control.config().mirrors) {
    if (name && mirror.name != *name) continue;
    list.push_back({{"name", mirror.name},
                    {"dev", mirror.ports},
                    {"vlans", ShowVlanSet(mirror.vlans)},
                    {"direction", DirectionOf(mirror)},
                    {"to", mirror.destination}});
  }
  if (name && list.empty()) {
    return absl::NotFoundError(
        fmt::format("'{:.100}' is no mirror: see tapctl mirror show", *name));
  }
  return list;
}

constexpr std::array kMirrorMethods{
    Method{"mirror.add", MethodKind::kChanges, AddMirror},
    Method{"mirror.del", MethodKind::kChanges, DeleteMirror},
    Method{"mirror.list", MethodKind::kReads, ListMirrors},
};

}  // namespace

std::span<const Method> MirrorMethods() { return kMirrorMethods; }

}  // namespace tapswitch
