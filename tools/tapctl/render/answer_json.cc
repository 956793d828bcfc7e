#include "tools/tapctl/render/answer_json.h"

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "tools/tapctl/render/render_entries.h"
#include "tools/tapctl/render/render_ports.h"
#include "tools/tapctl/render/render_vlans.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

void EraseKeys(Answer& object, std::initializer_list<const char*> keys) {
  for (const char* key : keys) object.erase(key);
}

std::string Compact(const Answer& value) {
  return value.dump(-1, ' ', false, Answer::error_handler_t::replace);
}

// As iproute2 lays it out (lib/json_writer.c): a line for each member, lists in one.
// NOLINTNEXTLINE(misc-no-recursion): ControlConnection bounds how deep an answer nests.
std::string Pretty(const Answer& value, size_t depth) {
  if (!value.is_structured()) return Compact(value);
  constexpr size_t kIndent = 4;
  std::string text = value.is_array() ? "[ " : "{";
  std::string_view separator;
  for (const auto& [key, member] : value.items()) {
    text += separator;
    separator = ",";
    if (value.is_object()) {
      text += "\n" + std::string((depth + 1) * kIndent, ' ') + Compact(key) + ": ";
    }
    text += Pretty(member, depth + 1);
  }
  if (value.is_array()) return text + (value.empty() ? "]" : " ]");
  return text + (value.empty() ? "" : "\n" + std::string(depth * kIndent, ' ')) + "}";
}

}  // namespace

Answer Reduced(const Request& request, Answer answer, const OutputOptions& options) {
  const std::string_view method = request.command->method;
  if (!answer.is_array()) return answer;
  for (Answer& object : answer) {
    if (!object.is_object()) continue;
    if (method.starts_with("fdb.") && !options.statistics) EraseKeys(object, {"used", "updated"});
    if (method == "neigh.list" && !options.statistics) EraseKeys(object, {"age"});
    if (method == "neigh.list" && !ShowsDevice(request)) EraseKeys(object, {"dev"});
    if (method == "fdb.list" && !ShowsDevice(request)) EraseKeys(object, {"ifname"});
    if (method == "vlan.list" && !options.compress_vlans) {
      object["vlans"] = WithoutRanges(ListAt(object, "vlans"));
    }
    if (method == "multicast.list" && !options.statistics) EraseKeys(object, {"counters"});
    if (method.starts_with("mdb.") && object.contains("mdb")) {
      for (Answer& row : object["mdb"]) {
        if (!options.details) EraseKeys(row, {"filter_mode", "source_list", "protocol"});
        if (!options.statistics) EraseKeys(row, {"timer"});
      }
    }
    if (method == "bridge.list" && !options.statistics) EraseKeys(object, {"counters"});
    if (method == "port.list" && !options.statistics) {
      EraseKeys(object, {"stats64", "forwarded", "kernel", "gro", "drops", "learning"});
    }
    if (method != "link.list" || options.details) continue;
    Answer basics = Answer::object();
    for (const char* key : kLinkBasics) basics[key] = object.value(key, Answer());
    object = std::move(basics);
  }
  return answer;
}

std::string Dump(const Answer& value, bool pretty) {
  return (pretty ? Pretty(value, 0) : Compact(value)) + "\n";
}

}  // namespace tapswitch
