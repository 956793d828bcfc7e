#include "tools/tapctl/options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/view/paint.h"

namespace tapswitch {
namespace {

// With the names of iproute2, each of which may be shortened as there: -j, -json, --json.
struct Option {
  std::string_view name;
  size_t least;  // letters that tell it from the others
  void (*apply)(Options& options, const std::string& value);
  bool has_value = false;
  bool may_have_value = false;  // behind a '='
};

// As in ip(8): always where nothing is said.
void SetColour(Options& options, const std::string& when) {
  const bool may = !ColourIsForbidden();
  if (when.empty() || when == "always") {
    options.output.colour = may;
  } else if (when == "auto") {
    options.output.colour = may && isatty(STDOUT_FILENO) == 1;
  } else {
    options.output.colour = false;
    options.bad_colour = when != "never";
  }
}

constexpr int kBadSeconds = -1;
constexpr int kMostSeconds = 86'400;

int ReadSeconds(std::string_view text) {
  int seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, seconds);
  const bool good = error == std::errc() && at == end && seconds > 0 && seconds <= kMostSeconds;
  return good ? seconds : kBadSeconds;
}

constexpr std::array kOptions{
    Option{"json", 1, [](Options& o, const std::string&) { o.output.json = true; }},
    Option{"pretty", 1, [](Options& o, const std::string&) { o.output.pretty = true; }},
    Option{"statistics", 1, [](Options& o, const std::string&) { o.output.statistics = true; }},
    Option{"stats", 1, [](Options& o, const std::string&) { o.output.statistics = true; }},
    Option{"details", 1, [](Options& o, const std::string&) { o.output.details = true; }},
    Option{"compressvlans", 3,
           [](Options& o, const std::string&) { o.output.compress_vlans = true; }},
    Option{"timestamp", 1, [](Options& o, const std::string&) { o.output.timestamps = true; }},
    Option{"tshort", 2,
           [](Options& o, const std::string&) {
             o.output.timestamps = true;
             o.output.short_times = true;
           }},
    Option{"brief", 2, [](Options& o, const std::string&) { o.output.brief = true; }},
    Option{"human", 1, [](Options& o, const std::string&) { o.output.human = true; }},
    Option{"oneline", 1, [](Options& o, const std::string&) { o.output.one_line = true; }},
    Option{"color", 1, SetColour, false, true},
    Option{"colour", 4, SetColour, false, true},
    Option{"force", 1, [](Options& o, const std::string&) { o.force = true; }},
    Option{"help", 2, [](Options& o, const std::string&) { o.help = true; }},
    Option{"Version", 1, [](Options& o, const std::string&) { o.version = true; }},
    Option{"version", 1, [](Options& o, const std::string&) { o.version = true; }},
    Option{"Bridge", 1, [](Options& o, const std::string& value) { o.bridge = value; }, true},
    Option{"bridge", 4, [](Options& o, const std::string& value) { o.bridge = value; }, true},
    Option{"timeout", 5,
           [](Options& o, const std::string& value) { o.timeout = ReadSeconds(value); }, true},
    Option{"batch", 1, [](Options& o, const std::string& value) { o.batch_file = value; }, true},
};

const Option* Find(std::string_view text) {
  const auto* const found = std::find_if(kOptions.begin(), kOptions.end(), [&](const Option& o) {
    return text.size() >= o.least && o.name.starts_with(text);
  });
  return found == kOptions.end() ? nullptr : found;
}

bool IsOption(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

}  // namespace

absl::StatusOr<Options> TakeOptions(std::span<const std::string>& words) {
  Options options;
  while (!words.empty() && IsOption(words.front())) {
    std::string_view text = words.front();
    words = words.subspan(1);
    if (text == "--") break;
    text.remove_prefix(text.starts_with("--") ? 2 : 1);
    const size_t equals = text.find('=');
    const Option* const option = Find(text.substr(0, equals));
    const bool has_text = equals != std::string_view::npos;
    if (option == nullptr || (has_text && !option->may_have_value)) {
      return absl::InvalidArgumentError(
          fmt::format("option '-{}' is unknown: tapctl -help lists them", text));
    }
    if (option->has_value && words.empty()) {
      return absl::InvalidArgumentError(fmt::format("option '-{}' needs a value behind it", text));
    }
    option->apply(options, option->has_value ? words.front()
                           : has_text        ? std::string(text.substr(equals + 1))
                                             : "");
    if (options.bad_colour) {
      return absl::InvalidArgumentError(
          fmt::format("-{}: expected -color=always, -color=auto or -color=never", text));
    }
    if (options.timeout == kBadSeconds) {
      return absl::InvalidArgumentError(fmt::format(
          "-timeout '{}': expected a number of seconds, 1 to {}", words.front(), kMostSeconds));
    }
    if (option->has_value) words = words.subspan(1);
  }
  return options;
}

}  // namespace tapswitch
