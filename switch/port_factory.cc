#include "switch/port_factory.h"

#include "absl/strings/str_cat.h"
#include "ports/tap_options.h"
#include "ports/tap_port.h"
#include "ports/unix_options.h"
#include "ports/unix_port.h"

namespace tapswitch {
namespace {

absl::Status UnknownType(const PortSpec& spec) {
  return absl::InvalidArgumentError(absl::StrCat("port ", spec.type, ":", spec.name, ": type '",
                                                 spec.type, "' is unknown: use tap:", spec.name,
                                                 " or unix:", spec.name));
}

}  // namespace

absl::Status CheckPort(const PortSpec& spec) {
  if (spec.type == "tap") return ParseTapOptions(spec).status();
  if (spec.type == "unix") return ParseUnixOptions(spec).status();
  return UnknownType(spec);
}

absl::StatusOr<std::vector<PortSpec>> ExpandPort(const PortSpec& spec) {
  return ExpandClients(spec);
}

absl::StatusOr<std::unique_ptr<Port>> MakePort(const PortSpec& spec, const PortIdentity& identity,
                                               const PortSurroundings& surroundings) {
  if (spec.type == "tap") {
    const auto options = ParseTapOptions(spec);
    if (!options.ok()) return options.status();
    return OpenTapPort(identity, *options, surroundings.monitor);
  }
  if (spec.type == "unix") {
    const auto options = ParseUnixOptions(spec);
    if (!options.ok()) return options.status();
    return OpenUnixPort(identity, *options, surroundings.listeners);
  }
  return UnknownType(spec);
}

}  // namespace tapswitch
