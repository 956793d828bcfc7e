#include "tools/tapctl/render/render_entries.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {

bool ShowsDevice(const Request& request) {
  return !request.params.contains("dev") || request.command->verb == "get";
}

std::string EntryText(const Answer& entry, bool with_device, bool with_ages) {
  std::string text = TextAt(entry, "mac");
  if (with_device) text += " dev " + TextAt(entry, "ifname");
  if (entry.contains("vlan")) text += " vlan " + TextAt(entry, "vlan");
  if (with_ages)
    text += fmt::format(" used {}/{}", TextAt(entry, "used"), TextAt(entry, "updated"));
  for (const Answer& flag : ListAt(entry, "flags")) {
    if (flag.is_string()) text += " " + Printable(flag.get<std::string>());
  }
  text += " master " + TextAt(entry, "master") + " " + TextAt(entry, "state");
  if (entry.contains("remote")) text += "remote " + TextAt(entry, "remote");
  return text;
}

Answer SortedEntries(const Answer& list) {
  const auto key = [](const Answer& entry) {
    return std::make_tuple(NumberAt(entry, "vlan"), TextAt(entry, "ifname"), TextAt(entry, "mac"));
  };
  std::vector<std::pair<decltype(key(Answer())), const Answer*>> keyed;
  for (const Answer& entry : list) keyed.emplace_back(key(entry), &entry);
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  auto sorted = Answer::array();
  for (const auto& [unused, entry] : keyed) sorted.push_back(*entry);
  return sorted;
}

std::string RenderEntries(const Request& request, const Answer& list,
                          const OutputOptions& options) {
  const bool with_device = ShowsDevice(request);
  std::string text;
  for (const Answer& entry : SortedEntries(list)) {
    text += EntryText(entry, with_device, options.statistics) + "\n";
  }
  return text;
}

std::string NeighbourText(const Answer& entry, bool with_device, const OutputOptions& options) {
  std::string text = TextAt(entry, "dst");
  if (with_device && entry.contains("dev")) text += " dev " + TextAt(entry, "dev");
  text += " lladdr " + TextAt(entry, "lladdr");
  if (entry.contains("vlan")) text += " vlan " + TextAt(entry, "vlan");
  if (entry.contains("router")) text += " router";
  if (options.details && entry.contains("extern_learn")) text += " extern_learn";
  if (options.statistics) text += " age " + TextAt(entry, "age");
  for (const Answer& state : ListAt(entry, "state")) {
    if (state.is_string()) text += " " + Printable(state.get<std::string>());
  }
  return text;
}

std::string RenderNeighbours(const Request& request, const Answer& list,
                             const OutputOptions& options) {
  std::string text;
  for (const Answer& entry : list)
    text += NeighbourText(entry, ShowsDevice(request), options) + "\n";
  return text;
}

}  // namespace tapswitch
