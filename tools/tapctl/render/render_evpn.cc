#include "tools/tapctl/render/render_evpn.h"

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/view/answer.h"

namespace tapswitch {
namespace {

void AppendWord(const Answer& vni, const char* key, std::string& text) {
  if (vni.contains(key)) text += fmt::format(" {} {}", key, TextAt(vni, key));
}

std::string VniText(const Answer& vni, const OutputOptions& options) {
  std::string text = fmt::format("vni {}", TextAt(vni, "vni"));
  for (const char* key : {"dev", "local", "vlan", "port", "bridge", "shadow", "state"}) {
    AppendWord(vni, key, text);
  }
  text += "\n   ";
  for (const char* key : {"macs_local", "macs_remote", "neighbours_local", "neighbours_remote"}) {
    AppendWord(vni, key, text);
  }
  text += " vteps";
  const Answer vteps = ListAt(vni, "vteps");
  if (vteps.empty()) text += " none";
  for (const Answer& vtep : vteps) {
    if (vtep.is_string()) text += " " + Printable(vtep.get<std::string>());
  }
  text += "\n";
  if (options.statistics) {
    text += "   ";
    for (const char* key : {"resyncs", "overruns", "refusals"}) AppendWord(vni, key, text);
    text += "\n";
  }
  if (vni.contains("reason")) text += "    ! " + TextAt(vni, "reason") + "\n";
  for (const Answer& line : ListAt(vni, "warnings")) {
    if (line.is_string()) text += "    ! " + Printable(line.get<std::string>()) + "\n";
  }
  return text;
}

}  // namespace

std::string RenderVnis(const Answer& list, const OutputOptions& options) {
  std::string text;
  for (const Answer& vni : list) text += VniText(vni, options);
  if (!options.details || list.empty()) return text;
  // They are the same for all VNIs.
  text +=
      "! frr.conf, beside bgpd=yes in /etc/frr/daemons; PEER is each other machine, or a route "
      "reflector\n";
  for (const Answer& line : ListAt(list.front(), "frr")) {
    if (line.is_string()) text += Printable(line.get<std::string>()) + "\n";
  }
  return text;
}

}  // namespace tapswitch
