#include "tools/tapctl/port_keys.h"

#include <algorithm>

namespace tapswitch {
namespace {

constexpr std::string_view kGap = "  ";  // before the keys of a line, and behind them

// Cuts off what stands before `separator`, or all, and returns it.
std::string_view CutBefore(std::string_view separator, std::string_view& text) {
  const size_t at = text.find(separator);
  const std::string_view cut = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + separator.size());
  return cut;
}

// Such as `mtu=N`, `wait`, `persist[=on|off]`.
PortKey ReadKey(std::string_view text) {
  const size_t end = text.find_first_of("[=");
  PortKey key{.name = text.substr(0, end), .value = {}, .stands_alone = true};
  if (end == std::string_view::npos) return key;
  key.stands_alone = text[end] == '[';
  key.value = text.substr(end + 1);
  if (key.stands_alone) key.value = key.value.substr(1, key.value.size() - 2);
  return key;
}

// The key that a port has to have, if it is one, from the form of the whole text, such as
// `unix:NAME,path=PATH[,KEY[=VALUE]]...`.
std::string_view KeyInForm(std::string_view form) {
  std::string_view needed = form.substr(0, form.find('['));
  static_cast<void>(CutBefore(",", needed));
  return needed.find(',') == std::string_view::npos ? needed : std::string_view();
}

}  // namespace

const PortTypeText* FindPortTypeText(std::string_view type) {
  const auto* const found =
      std::ranges::find(kPortTypeTexts, type, [](const PortTypeText& one) { return one.name; });
  return found == kPortTypeTexts.end() ? nullptr : found;
}

std::vector<PortKey> PortKeysOf(std::string_view type) {
  std::vector<PortKey> keys;
  const PortTypeText* const text = FindPortTypeText(type);
  for (std::string_view help = text == nullptr ? "" : text->help; !help.empty();) {
    std::string_view line = CutBefore("\n", help);
    if (!line.starts_with(kGap)) continue;
    line.remove_prefix(kGap.size());
    std::string_view explained = CutBefore(kGap, line);
    if (line.empty()) explained = KeyInForm(explained);
    while (!explained.empty()) keys.push_back(ReadKey(CutBefore(", ", explained)));
  }
  return keys;
}

}  // namespace tapswitch
