// Port Transmit (IEEE 802.1D-2004, 17.26).

#include "switch/protocol/stp/tree.h"

namespace tapswitch::stp {
namespace {

BpduRole BpduRoleOf(Role role) {
  if (role == Role::kRoot) return BpduRole::kRoot;
  return role == Role::kDesignated ? BpduRole::kDesignated : BpduRole::kAlternateOrBackup;
}

}  // namespace

void Tree::Transmit(TreePort& port) {
  if (!port.enabled || !port.selected || port.update_info) return;
  while (port.tx_count > 0 && port.tx_second <= now_) {
    --port.tx_count;
    port.tx_second = port.tx_second + kSecond;
  }
  if (!runs(port.hello_when)) {  // TRANSMIT_PERIODIC
    port.new_info |=
        port.role == Role::kDesignated || (port.role == Role::kRoot && runs(port.tc_while));
    port.hello_when = now_ + TicksOf(port.designated_times.hello_time);
  }
  if (!port.new_info || port.tx_count >= settings_.tx_hold_count) return;
  if (port.admin.bpdu_filter) {
    ++port.counts.filtered;
    port.new_info = false;
    return;
  }
  const auto message = NextMessage(port);
  if (message && !effects_->Send(port.id, WriteBpdu(*message, identifier_.address))) {
    return Touch(port.id);  // there is room in the next turn
  }
  port.new_info = false;
  if (!message) return;
  CountSent(port, message->kind);
  port.hello_when = now_ + TicksOf(port.designated_times.hello_time);
  if (port.tx_count++ == 0) port.tx_second = now_ + kSecond;
  if (message->kind != Bpdu::Kind::kTcn) port.tc_ack = false;
}

// txRstp (17.21.21), txConfig (17.21.19), txTcn (17.21.20). Nothing for what has no message of that
// version.
std::optional<Bpdu> Tree::NextMessage(TreePort& port) const {
  Bpdu bpdu{.topology_change = runs(port.tc_while),
            .priority = port.designated_priority,
            .times = port.designated_times};
  if (port.send_rstp) {
    bpdu.role = BpduRoleOf(port.role);
    bpdu.proposal = port.proposing;
    bpdu.agreement = port.agree && !port.has_newcomer;
    bpdu.learning = port.learning;
    bpdu.forwarding = port.forwarding;
    return bpdu;
  }
  if (port.role == Role::kDesignated) {
    bpdu.kind = Bpdu::Kind::kConfig;
    bpdu.topology_change_ack = port.tc_ack;
    return bpdu;
  }
  if (port.role == Role::kRoot) return Bpdu{.kind = Bpdu::Kind::kTcn};
  return std::nullopt;
}

void Tree::CountSent(TreePort& port, Bpdu::Kind kind) {
  switch (kind) {
    case Bpdu::Kind::kConfig:
      ++port.counts.sent_config;
      break;
    case Bpdu::Kind::kTcn:
      ++port.counts.sent_tcn;
      break;
    case Bpdu::Kind::kRst:
      ++port.counts.sent_rst;
      break;
  }
}

}  // namespace tapswitch::stp
