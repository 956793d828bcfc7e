#include "tools/tapctl/render/render.h"

#include <algorithm>
#include <cstddef>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render/answer_json.h"
#include "tools/tapctl/render/render_bridge.h"
#include "tools/tapctl/render/render_entries.h"
#include "tools/tapctl/render/render_evpn.h"
#include "tools/tapctl/render/render_guards.h"
#include "tools/tapctl/render/render_handover.h"
#include "tools/tapctl/render/render_impair.h"
#include "tools/tapctl/render/render_multicast.h"
#include "tools/tapctl/render/render_ports.h"
#include "tools/tapctl/render/render_profile.h"
#include "tools/tapctl/render/render_tree.h"
#include "tools/tapctl/render/render_vlans.h"
#include "tools/tapctl/view/answer.h"
#include "tools/tapctl/view/overview.h"
#include "tools/tapctl/view/reach.h"

namespace tapswitch {
namespace {

// With -oneline a record is one line, and a backslash stands where it would have ended, as in
// ip(8).
std::string OneLine(const std::string& text, const OutputOptions& options) {
  constexpr std::string_view kContinuation = "\n    ";
  if (!options.one_line) return text;
  std::string joined = text;
  for (size_t at = 0; (at = joined.find(kContinuation, at)) != std::string::npos;) {
    joined.replace(at, 1, "\\");
  }
  return joined;
}

std::string RenderLines(const Answer& lines) {
  std::string text;
  for (const Answer& line : lines) {
    if (line.is_string()) text += Printable(line.get<std::string>()) + "\n";
  }
  return text;
}

// What is in the way stands last, where it is seen.
std::string RenderAdoption(const Request& request, const Answer& answer) {
  std::string text;
  if (request.params.value("dry_run", false)) text += RenderLines(answer.at("commands"));
  const auto list = [&](const char* key, std::string_view title) {
    for (const Answer& line : answer.at(key)) {
      if (line.is_string())
        text += fmt::format("{}: {}\n", title, Printable(line.get<std::string>()));
    }
  };
  list("lost", "not kept");
  list("refused", "in the way");
  return text;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (size_t i = 0; i < printable.size(); ++i) {
    const auto byte = static_cast<unsigned char>(printable[i]);
    if (byte < 0x20 || byte == 0x7F) printable[i] = '?';
    // U+0080 to U+009F, among them a CSI, which are two bytes in UTF-8.
    const bool is_c1 = byte >= 0x80 && byte < 0xA0 && i > 0 && printable[i - 1] == '\xC2';
    if (is_c1) printable.replace(i - 1, 2, "??");
  }
  return printable;
}

bool IsAnswerTo(std::string_view method, const Answer& answer) {
  if (method == "trace") return answer.is_object();
  if (method == "config.save" || method == "reach") return answer.is_array();
  if (method == "bridge.release" || method == "port.explain") return answer.is_object();
  if (method == "bridge.adopt") {
    return answer.is_object() && answer.contains("commands") && answer.contains("lost") &&
           answer.contains("refused");
  }
  if (method == "config.apply" || method == "config.reload") {
    return answer.is_object() && answer.contains("commands") && answer["commands"].is_array();
  }
  const bool is_list =
      method.ends_with("list") || method.ends_with(".get") || method == "multicast.doctor";
  if (!is_list) return true;
  return answer.is_array() && std::all_of(answer.begin(), answer.end(),
                                          [](const Answer& item) { return item.is_object(); });
}

std::vector<std::string> WarningsIn(const Answer& answer) {
  std::vector<std::string> lines;
  if (!answer.is_object()) return lines;
  const auto warnings = answer.find("warnings");
  if (warnings == answer.end() || !warnings->is_array()) return lines;
  for (const Answer& line : *warnings) {
    if (line.is_string()) lines.push_back(line.get<std::string>());
  }
  return lines;
}

bool IsShownAsItComes(const Request& request, const OutputOptions& options) {
  return options.json && !options.pretty && request.command->method == "fdb.list" &&
         !request.params.contains("dev");
}

std::string RenderAnswer(const Request& request, const Answer& answer,
                         const OutputOptions& options) {
  const std::string_view method = request.command->method;
  if (answer.is_null() || method.ends_with(".flush") || method == "port.add" ||
      method == "evpn.add") {
    return "";
  }
  if (method == "config.save" && !options.json) return RenderLines(answer);
  if ((method == "config.apply" || method == "config.reload") && !options.json) {
    return request.params.value("dry_run", false) ? RenderLines(answer.at("commands")) : "";
  }
  if (method == "bridge.adopt" && !options.json) return RenderAdoption(request, answer);
  if (method == "bridge.upgrade" && !options.json) return RenderHandover(answer);
  if (method == "bridge.release" && !options.json) {
    return RenderLines(answer.value("steps", Answer::array()));
  }
  if (options.json) {
    const bool is_table = method == "fdb.list" && answer.is_array();
    return Dump(Reduced(request, is_table ? SortedEntries(answer) : answer, options),
                options.pretty);
  }
  if (method.starts_with("fdb.")) return RenderEntries(request, answer, options);
  if (method == "link.list") return OneLine(RenderLinks(answer, options), options);
  if (method == "vlan.list") return RenderVlans(answer);
  if (method == "vlan.global_list") return RenderVlansGlobally(answer);
  if (method.starts_with("mdb.")) return RenderGroups(answer, options);
  if (method == "multicast.list") return RenderMulticast(answer, options);
  if (method == "multicast.doctor") return RenderDoctor(answer);
  if (method == "port.list" && options.brief) return RenderPortTable(answer, Answer(), options);
  if (method == "port.list") return OneLine(RenderPorts(answer, options), options);
  if (method == "port.explain") return RenderProfile(answer);
  if (method == "mirror.list") return RenderMirrors(answer);
  if (method == "storm.list" || method == "security.list") {
    return RenderGuards(answer, request.params.contains("dev"));
  }
  if (method == "bridge.list") return OneLine(RenderBridge(answer, options), options);
  if (method == "evpn.list") return RenderVnis(answer, options);
  if (method == "neigh.list") return RenderNeighbours(request, answer, options);
  if (method == "reach") return RenderReach(answer);
  if (method == "impair.list") return RenderImpairments(answer, options);
  if (method == "loop.list") return RenderLoopDetection(answer);
  if (method == "kernel.list") return RenderKernel(answer, options);
  if (method == "stp.list") return RenderTree(answer, options);
  return RenderTrace(answer);
}

}  // namespace tapswitch
