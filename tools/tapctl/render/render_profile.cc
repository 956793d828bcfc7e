#include "tools/tapctl/render/render_profile.h"

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {

std::string RenderProfile(const Answer& explained) {
  const std::string profile = TextAt(explained, "profile");
  std::string text = fmt::format("{}: profile {}\n", TextAt(explained, "ifname"), profile);
  for (const Answer& setting : ListAt(explained, "settings")) {
    const bool differs = setting.is_object() && setting.contains("of_profile");
    text += fmt::format(
        "    {:<15} {:<10} {}{}\n", TextAt(setting, "name"), TextAt(setting, "value"),
        TextAt(setting, "why"),
        differs ? fmt::format(" (profile {}: {})", profile, TextAt(setting, "of_profile")) : "");
  }
  return text;
}

}  // namespace tapswitch
