#include "switch/port_factory.h"

#include "absl/strings/str_cat.h"
#include "ports/tap_options.h"
#include "ports/tap_port.h"

namespace tapswitch {
namespace {

// TAP is the only type so far: anything else is refused by name.
absl::StatusOr<TapOptions> TapOptionsOf(const PortSpec& spec) {
  if (spec.type == "tap") return ParseTapOptions(spec);
  return absl::InvalidArgumentError(absl::StrCat("port ", spec.type, ":", spec.name, ": type '",
                                                 spec.type, "' is unknown: use tap:", spec.name));
}

}  // namespace

absl::Status CheckPort(const PortSpec& spec) { return TapOptionsOf(spec).status(); }

absl::StatusOr<std::unique_ptr<Port>> MakePort(const PortSpec& spec, const PortIdentity& identity,
                                               LinkMonitor& monitor) {
  const auto options = TapOptionsOf(spec);
  if (!options.ok()) return options.status();
  return OpenTapPort(identity, *options, monitor);
}

}  // namespace tapswitch
