// The types of ports there are, as a table: what each is called, what it has, and how it is opened.

#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/link_answer.h"
#include "ports/interface/netdev/netdev_port.h"
#include "ports/link/link_place.h"
#include "ports/netlink/link_monitor.h"
#include "ports/port.h"
#include "ports/port_spec.h"
#include "ports/port_type_texts.h"
#include "ports/socket/unix_listeners.h"

namespace tapswitch {

// The things that ports of some types share. The monitor outlives the ports; the others need not.
struct PortSurroundings {
  LinkMonitor& monitor;
  LinkSharing share_link;
  UnixListeners& listeners;
  AttachNotes& notes;  // of an interface that exists; they need not outlive the port
  MissingInterface missing = MissingInterface::kRefused;  // of a port whose interface others make
  std::shared_ptr<Switchover> switchover = nullptr;       // of ports of a bridge, or null
  KernelForwarding* kernel = nullptr;  // may carry frames of ports; it outlives them
  // The port as another process hands it over, in place of opening its device; null: none does.
  PortHandover* inherited = nullptr;
  LinkPlace link_place{};  // where links to this switch are looked for
};

// A Port for each queue of one port. The first speaks for all.
using PortQueues = std::vector<std::unique_ptr<Port>>;

struct PortType {
  PortTypeText text;
  bool has_several_queues = false;  // one for each worker; otherwise there is one

  // Judges the keys and values of the text, and touches no device.
  absl::Status (*check)(const PortSpec& spec) = nullptr;

  // The ports that a text stands for; null where it always stands for one.
  absl::StatusOr<std::vector<PortSpec>> (*expand)(const PortSpec& spec) = nullptr;

  // Opens the device; see MakePortQueues.
  absl::StatusOr<PortQueues> (*open)(const PortSpec& spec, std::span<const PortIdentity> identities,
                                     const PortSurroundings& surroundings) = nullptr;
};

// Ports of this type are made on interfaces that come up by themselves, and may go with them.
inline constexpr std::string_view kAttachedPortType = kNetdevText.name;

// All types, in the order in which users are told of them.
[[nodiscard]] std::span<const PortType> PortTypes();

// Null when there is no type of that name.
[[nodiscard]] const PortType* FindPortType(std::string_view name);

// Returns the origin of the interface of the port; kNone for a type that does not exist.
[[nodiscard]] InterfaceOrigin InterfaceOriginOf(const PortSpec& spec);

// Whether `spec` is right as far as its text tells: type, keys and values.
[[nodiscard]] absl::Status CheckPort(const PortSpec& spec);

// The ports that a user means by `spec`: one, or several with names of their own.
[[nodiscard]] absl::StatusOr<std::vector<PortSpec>> ExpandPort(const PortSpec& spec);

// Opens the device with up to identities.size() queues (one or more), and makes a Port of each, not
// started yet. The identities differ in their counters only. Each queue lives on a thread of its
// own: it is started there after the first has been, and hears of a change of a link after the
// first has. The first is the port's own view of the interface; the others follow it. Fewer, at
// least one, where the port has fewer queues. Errors name the port; nothing is left behind.
[[nodiscard]] absl::StatusOr<PortQueues> MakePortQueues(const PortSpec& spec,
                                                        std::span<const PortIdentity> identities,
                                                        const PortSurroundings& surroundings);

}  // namespace tapswitch
