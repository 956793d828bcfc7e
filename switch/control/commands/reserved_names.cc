#include "switch/control/commands/reserved_names.h"

#include <algorithm>
#include <array>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr std::array<std::string_view, 4> kFlagValues{"on", "off", "true", "false"};
// These mean something else where a name may stand without `dev` in front. Other words of tapctl
// may be names, because an interface that somebody else has called `port` can become a port, too.
constexpr std::array<std::string_view, 3> kOtherNames{"help", "all", "default"};

}  // namespace

bool IsFlagValue(std::string_view text) {
  return std::find(kFlagValues.begin(), kFlagValues.end(), text) != kFlagValues.end();
}

absl::Status CheckPortName(std::string_view name) {
  const bool is_other =
      std::find(kOtherNames.begin(), kOtherNames.end(), name) != kOtherNames.end();
  if (!IsFlagValue(name) && !is_other) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("'{0}' would be a port, but {0} is a word of the command line: choose another "
                  "name",
                  name));
}

}  // namespace tapswitch
