#include "tools/tapctl/help.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "switch/control/commands/usage.h"

namespace tapswitch {
namespace {

constexpr std::string_view kHelp = "help";

constexpr std::string_view kSynopsis =
    "usage: tapctl [-json] [-pretty] [-statistics] [-details] [-brief] [-human] [-oneline]\n"
    "              [-color[=always|auto|never]] [-timestamp] [-tshort] [-force]\n"
    "              [-B NAME|SOCKET] [-timeout SECONDS] [-batch FILE|-] OBJECT [COMMAND]\n\n";

constexpr std::string_view kHint =
    "\nMore: 'tapctl help OBJECT [COMMAND]' or 'tapctl help all'; tapctl(8).\n";

}  // namespace

std::optional<std::vector<std::string>> HelpTopic(std::span<const std::string> words) {
  if (!words.empty() && words.front() == kHelp) return {{words.begin() + 1, words.end()}};
  const bool is_behind = words.size() >= 2 && words.size() <= 3 && words.back() == kHelp;
  if (!is_behind) return std::nullopt;
  return {{words.begin(), words.end() - 1}};
}

absl::StatusOr<std::string> Help(std::span<const std::string> topic, size_t columns) {
  if (topic.empty()) {
    return std::string(kSynopsis) + "objects:\n" + ListOfObjects(columns) + std::string(kHint);
  }
  if (topic.front() == "all") return std::string(kSynopsis) + "commands:\n" + UsageOfAll(columns);
  return Usage(topic, columns);
}

size_t TerminalColumns() {
  constexpr size_t kDefault = 80;
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) return window.ws_col;
  const char* const text = std::getenv("COLUMNS");
  if (text == nullptr) return kDefault;
  size_t columns = 0;
  const std::string_view digits(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), columns);
  return error == std::errc() && columns > 0 ? columns : kDefault;
}

}  // namespace tapswitch
