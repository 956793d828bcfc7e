#include "tools/tapctl/render/render_handover.h"

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render/render.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

bool IsAfterDeath(const Answer& handover) {
  const Answer* const after = MemberAt(handover, "after_death");
  return after != nullptr && after->is_boolean() && after->get<bool>();
}

// The gap, and a line for each thing that was not kept.
std::string CostText(const Answer& handover) {
  const Answer* const gap = MemberAt(handover, "gap_ms");
  const double gap_ms = gap != nullptr && gap->is_number() ? gap->get<double>() : 0.0;
  // How long ago a process was killed is not always known.
  std::string text = IsAfterDeath(handover) && gap_ms == 0.0
                         ? "how long nobody forwarded is unknown\n"
                         : fmt::format("nobody forwarded for {:.1f} ms\n", gap_ms);
  for (const Answer& line : ListAt(handover, "not_kept")) {
    if (line.is_string()) text += "not kept: " + Printable(line.get<std::string>()) + "\n";
  }
  return text;
}

}  // namespace

std::string RenderHandover(const Answer& answer) {
  return fmt::format("process {} has taken over; {}", TextAt(answer, "pid"), CostText(answer));
}

std::string HandoverText(const Answer& bridge) {
  const Answer handover = MembersAt(bridge, "handover");
  if (handover.empty()) return "";
  return fmt::format(
      "{} version {}; {}",
      IsAfterDeath(handover) ? "took the place of a process that was killed, of" : "took over from",
      TextAt(handover, "from_version"), CostText(handover));
}

}  // namespace tapswitch
