// The checks that few ports want, all behind one test of a bit (ForwardingView::is_screened), so that
// other ports pay nothing for them.

#pragma once

#include <optional>

#include "switch/forwarding/alarms.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/mac_table.h"
#include "switch/forwarding/outbox.h"
#include "switch/forwarding/protocol_entity.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

class Screening {
 public:
  // Why the frame goes no further, if so. A refused one teaches nothing. A frame of a VLAN that the
  // port is not a member of passes: the decision says so.
  [[nodiscard]] std::optional<DropReason> Check(const ForwardingView& view, const MacTable& table,
                                                const ScreenedFrame& frame, Tick now);

  // Of the frame that was checked last and not refused.
  [[nodiscard]] ProtocolVerdict verdict() const { return verdict_; }

  // Who recognises the bridge's own probes, and who knows its neighbours: see switch/protocol/. Null:
  // nobody. They outlive this, or are taken away first.
  void set_loop_detector(ProtocolEntity* detector) { loop_detector_ = detector; }
  void set_neighbours(ProtocolEntity* neighbours) { neighbours_ = neighbours; }

  // What was noticed, and what is to be sent; whoever drives the bridge empties them.
  [[nodiscard]] AlarmLog& alarms() { return alarms_; }
  [[nodiscard]] Outbox& outbox() { return outbox_; }

 private:
  ProtocolEntity* loop_detector_ = nullptr;
  ProtocolEntity* neighbours_ = nullptr;
  ProtocolVerdict verdict_ = ProtocolVerdict::kPass;
  AlarmLog alarms_;
  Outbox outbox_;
};

}  // namespace tapswitch
