// The protocols that the bridge takes part in, as PortGuards sees them: state machines that are fed
// frames of screened ports. They are in switch/protocol/, a room on top of this one.

#pragma once

#include <cstdint>
#include <span>

#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/guards/alarms.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/outbox.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

struct ScreenedFrame {
  PortId ingress;
  Classification as;
  const EthernetHeader& header;
  std::span<const std::byte> bytes;
};

// What a protocol knows when it looks at a frame, and where it puts what comes of it.
struct ProtocolContext {
  const ForwardingView& view;
  const MacTable& table;
  Tick now;
  AlarmLog& alarms;
  Outbox& outbox;
};

// What becomes of a frame that a protocol has seen.
enum class ProtocolVerdict : uint8_t {
  kPass,      // nothing out of the ordinary
  kConsume,   // it was meant for the bridge, and goes no further
  kSpare,     // when flooded, not to ports that suppress such questions
  kAnswered,  // the same, and an answer is on its way
};

class ProtocolEntity {
 public:
  virtual ~ProtocolEntity() = default;
  virtual ProtocolVerdict See(const ScreenedFrame& frame, ProtocolContext& context) = 0;
};

}  // namespace tapswitch
