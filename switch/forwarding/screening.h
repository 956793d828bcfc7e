// The checks that few ports want, all behind one test of a bit (ForwardingView::is_screened), so that
// other ports pay nothing for them.

#pragma once

#include <optional>
#include <span>

#include "switch/forwarding/alarms.h"
#include "switch/forwarding/ethernet.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/mac_table.h"
#include "switch/forwarding/outbox.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

struct ScreenedFrame {
  PortId ingress;
  Classification as;
  const EthernetHeader& header;
  std::span<const std::byte> bytes;
};

class Screening {
 public:
  // Why the frame goes no further, if so. A refused one teaches nothing. A frame of a VLAN that the
  // port is not a member of passes: the decision says so.
  [[nodiscard]] std::optional<DropReason> Check(const ForwardingView& view, const MacTable& table,
                                                const ScreenedFrame& frame, Tick now);

  // What was noticed, and what is to be sent; whoever drives the bridge empties them.
  [[nodiscard]] AlarmLog& alarms() { return alarms_; }
  [[nodiscard]] Outbox& outbox() { return outbox_; }

 private:
  AlarmLog alarms_;
  Outbox outbox_;
};

}  // namespace tapswitch
