#include "switch/control/save.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <tuple>

#include "spdlog/fmt/fmt.h"
#include "switch/control/show.h"

namespace tapswitch {
namespace {

// As one word of a batch line.
std::string Quoted(const std::string& word) {
  if (word.find_first_of(" \t\"'#\\") == std::string::npos) return word;
  const char quote = word.find('\'') == std::string::npos ? '\'' : '"';
  return quote + word + quote;
}

std::string Duration(Ticks span) {
  const uint64_t seconds = span.centiseconds / 100;
  const uint64_t rest = span.centiseconds % 100;
  return rest == 0 ? fmt::format("{}s", seconds) : fmt::format("{}.{:02}s", seconds, rest);
}

bool IsSaved(const MacEntry& entry) {
  return entry.port != kBridgePort &&
         (entry.state != MacEntryState::kLearned || entry.extern_learn);
}

std::string_view KindOf(const MacEntry& entry) {
  if (entry.extern_learn) return "extern_learn";
  return entry.state == MacEntryState::kStatic ? "static" : "permanent";
}

void SaveEntries(const BridgeControl& control, std::vector<std::string>& lines) {
  std::vector<MacEntry> entries;
  control.VisitEntries([&](std::span<const MacEntry> some) {
    std::copy_if(some.begin(), some.end(), std::back_inserter(entries), IsSaved);
  });
  const auto key = [](const MacEntry& entry) {
    return std::make_tuple(entry.vlan, entry.address, entry.port);
  };
  std::sort(entries.begin(), entries.end(),
            [&](const MacEntry& a, const MacEntry& b) { return key(a) < key(b); });
  const MacEntry* before = nullptr;
  for (const MacEntry& entry : entries) {
    const bool is_further_port =
        before != nullptr && before->vlan == entry.vlan && before->address == entry.address;
    lines.push_back(
        fmt::format("fdb {} {} dev {}{} {}{}", is_further_port ? "append" : "add",
                    entry.address.ToString(), control.NameOf(entry.port),
                    entry.vlan == kNoVlan ? "" : fmt::format(" vlan {}", entry.vlan.value),
                    KindOf(entry), entry.sticky ? " sticky" : ""));
    before = &entry;
  }
}

}  // namespace

std::vector<std::string> SaveAsCommands(const BridgeControl& control) {
  const BridgeConfig& config = control.config();
  std::vector<std::string> lines;
  lines.push_back(fmt::format("bridge set ageing_time {} fdb_max_learned {}",
                              Duration(config.bridge.ageing), config.bridge.fdb_max_learned));
  for (const PortConfig& port : config.ports) {
    lines.push_back("port add " + Quoted(SpecText(port.spec)));
    const std::string words = PortSettingsAsWords(port.settings);
    if (!words.empty()) lines.push_back("link set dev " + port.spec.name + words);
  }
  SaveEntries(control, lines);
  return lines;
}

}  // namespace tapswitch
