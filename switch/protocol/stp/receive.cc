// Port Receive (IEEE 802.1D-2004, 17.23), and the checks that a BPDU has to pass before it.

#include "switch/protocol/stp/tree.h"

namespace tapswitch::stp {
namespace {

constexpr uint64_t kHellosUntilAged = 3;

}  // namespace

bool Tree::Receive(PortId id, std::span<const std::byte> payload, size_t length, Tick now,
                   TreeEffects& effects) {
  now_ = now;
  TreePort& port = at(id);
  if (!port.is_there || !port.enabled) return false;
  if (port.admin.bpdu_filter) {
    ++port.counts.filtered;
    return false;
  }
  const auto bpdu = ReadBpdu(payload, length);
  if (!bpdu) {
    ++port.counts.invalid;
    return false;
  }
  if (!Admit(port)) return false;
  effects_ = &effects;
  if (port.admin.guard) {
    ++port.counts.guard_hits;
    Tell(Event::Kind::kBpduGuard, id);
  } else {
    Hear(port, *bpdu);
    RunMachines();
  }
  effects_ = nullptr;
  return true;
}

// Whoever floods BPDUs has few of them looked at.
bool Tree::Admit(TreePort& port) {
  if (port.rate_second + kSecond <= now_) {
    port.rate_second = now_;
    port.rate = 0;
  }
  if (port.rate == kMostPerSecond) {
    ++port.counts.excessive;
    return false;
  }
  ++port.rate;
  return true;
}

void Tree::CountReceived(TreePort& port, Bpdu::Kind kind) {
  switch (kind) {
    case Bpdu::Kind::kConfig:
      ++port.counts.received_config;
      break;
    case Bpdu::Kind::kTcn:
      ++port.counts.received_tcn;
      break;
    case Bpdu::Kind::kRst:
      ++port.counts.received_rst;
      break;
  }
}

void Tree::Hear(TreePort& port, const Bpdu& bpdu) {
  CountReceived(port, bpdu.kind);
  const bool is_own = bpdu.kind != Bpdu::Kind::kTcn && bpdu.priority.bridge == identifier_ &&
                      bpdu.priority.port == port.port_id;
  cause_ = {.kind = Cause::Kind::kHeard, .port = port.id, .priority = bpdu.priority};
  if (is_own) {
    if (port.hold != Hold::kLoopedBack) {
      ++port.counts.guard_hits;
      Tell(Event::Kind::kLoopedBack, port.id);
    }
    port.hold = Hold::kLoopedBack;
    port.hold_while =
        now_ + Ticks{kHellosUntilAged * TicksOf(port.designated_times.hello_time).centiseconds};
    port.oper_edge = false;
    port.has_heard = true;
    return Touch(port.id);
  }
  if (port.hold == Hold::kLoopGuard) Release(port);
  if (bpdu.kind != Bpdu::Kind::kTcn && bpdu.priority.bridge == identifier_) HearOfOwn(bpdu);
  TakeMessage(port, bpdu);
}

// One of its own ports leads here, so that one is no edge, whatever is held of the LAN.
void Tree::HearOfOwn(const Bpdu& bpdu) {
  there_.ForEach([&](PortId id) {
    TreePort& sender = at(id);
    if (sender.port_id != bpdu.priority.port || !sender.enabled) return;
    sender.edge_delay_while = now_ + TicksOf(sender.designated_times.max_age);
    sender.oper_edge = false;
    sender.has_heard = true;
    Touch(id);
  });
}

// 17.23, RECEIVE. The machines have run since the last message, so none waits. The standard takes a
// port for an edge again after 3 s of silence. Where a bridge was heard, the port has to become
// forwarding by its timers first: while it is learning, a neighbour that it does not hear disputes.
void Tree::TakeMessage(TreePort& port, const Bpdu& bpdu) {
  const Times& times = port.designated_times;
  port.has_heard = true;
  port.oper_edge = false;
  port.received_message = true;
  port.message = bpdu;
  port.edge_delay_while =
      now_ + TicksOf(times.max_age) + Ticks{2 * TicksOf(times.forward_delay).centiseconds};
  // updtBPDUVersion (17.21.22)
  (bpdu.kind == Bpdu::Kind::kRst ? port.received_rstp : port.received_stp) = true;
  Touch(port.id);
}

}  // namespace tapswitch::stp
