// Port Information (IEEE 802.1D-2004, 17.27): what is known of the neighbour of a port, and for how
// long it holds. Names in comments are those of the procedures in 17.21.

#include "switch/protocol/stp/tree.h"

namespace tapswitch::stp {
namespace {

// rcvInfo (17.21.8) without its side effects.
ReceivedInfo Classify(const TreePort& port) {
  const Bpdu& message = port.message;
  if (message.kind == Bpdu::Kind::kTcn) return ReceivedInfo::kOther;
  const bool is_same = message.priority == port.port_priority;
  if (message.role == BpduRole::kDesignated) {
    if (IsSuperior(message.priority, port.port_priority)) return ReceivedInfo::kSuperiorDesignated;
    if (is_same && port.info_is == InfoIs::kReceived && message.times == port.port_times) {
      return ReceivedInfo::kRepeatedDesignated;
    }
    if (is_same) return ReceivedInfo::kSuperiorDesignated;
    return ReceivedInfo::kInferiorDesignated;
  }
  return message.priority < port.port_priority ? ReceivedInfo::kOther
                                               : ReceivedInfo::kNotDesignated;
}

}  // namespace

bool Tree::StepInformation(TreePort& port) {
  if (!port.enabled) {
    port.received_message = false;
    if (port.info_is == InfoIs::kDisabled) return false;
    DisableInformation(port);
    return true;
  }
  if (port.info_is == InfoIs::kDisabled) {
    AgeInformation(port);
    return true;
  }
  if (port.selected && port.update_info) {
    UpdateInformation(port);
    return true;
  }
  if (port.info_is == InfoIs::kAged || port.update_info) return false;
  if (port.received_message) {
    port.received_message = false;
    ReceiveInformation(port);
    return true;
  }
  if (port.info_is != InfoIs::kReceived || runs(port.rcvd_info_while)) return false;
  cause_ = {.kind = Cause::Kind::kAged, .port = port.id, .priority = port.port_priority};
  if (port.admin.loop_guard) {
    port.hold = Hold::kLoopGuard;
    ++port.counts.guard_hits;
    Tell(Event::Kind::kLoopGuard, port.id);
  }
  AgeInformation(port);
  return true;
}

// DISABLED
void Tree::DisableInformation(TreePort& port) {
  port.proposing = port.proposed = port.agree = port.agreed = false;
  port.disputed = false;
  port.rcvd_info_while = now_;
  port.info_is = InfoIs::kDisabled;
  Reselect(port);
}

// AGED
void Tree::AgeInformation(TreePort& port) {
  port.info_is = InfoIs::kAged;
  Reselect(port);
}

// UPDATE. The standard keeps an agreement when the port's information gets better. Here the
// neighbour has to agree to exactly what the port says: the neighbour may have found a better root
// meanwhile, and its message may still be on the way.
void Tree::UpdateInformation(TreePort& port) {
  const bool is_same =
      port.info_is == InfoIs::kMine && port.designated_priority == port.port_priority;
  if (!is_same) NoteNews(port);
  // A port that waits for objections waits anew for those to what it says now.
  if (!is_same && !port.forward) port.fd_while = now_ + ForwardDelayOf(port);
  port.proposing = port.proposed = false;
  port.agreed = port.agreed && is_same;
  port.synced = port.synced && port.agreed;
  port.port_priority = port.designated_priority;
  port.port_times = port.designated_times;
  port.update_info = false;
  port.info_is = InfoIs::kMine;
  port.new_info = true;
}

// An agreement that arrives right after the port has sent something new may answer what the port
// sent before. The root that the agreement names tells them apart if the root is a new one, and was
// not named shortly before. Otherwise the agreement does not count, and is asked for again.
void Tree::NoteNews(TreePort& port) {
  constexpr Ticks kRestless{300};
  const bool has_said = port.info_is == InfoIs::kMine;
  const bool is_ambiguous = has_said && port.port_priority.root == port.designated_priority.root;
  if (is_ambiguous || now_ < port.said_since + kRestless) port.restless_until = now_ + kInFlight;
  port.said_since = now_;
}

// RECEIVE
void Tree::ReceiveInformation(TreePort& port) {
  if (port.message.kind == Bpdu::Kind::kTcn) return SetTcFlags(port);
  switch (Classify(port)) {
    case ReceivedInfo::kSuperiorDesignated:
      return RecordSuperior(port);
    case ReceivedInfo::kRepeatedDesignated:
      port.has_newcomer = false;
      RecordProposal(port);
      SetTcFlags(port);
      return UpdateReceivedInfoWhile(port);
    case ReceivedInfo::kInferiorDesignated:
      RecordDispute(port);
      return AnswerInferior(port);
    case ReceivedInfo::kNotDesignated:
      RecordAgreement(port);
      return SetTcFlags(port);
    case ReceivedInfo::kOther:
      return;
  }
}

// SUPERIOR_DESIGNATED, with recordPriority and recordTimes.
void Tree::RecordSuperior(TreePort& port) {
  port.agreed = port.proposing = port.has_newcomer = false;
  RecordProposal(port);
  SetTcFlags(port);
  const bool is_same =
      port.info_is == InfoIs::kReceived && port.message.priority == port.port_priority;
  port.agree = port.agree && is_same;
  port.synced = false;
  port.port_priority = port.message.priority;
  port.port_times = port.message.times;
  UpdateReceivedInfoWhile(port);
  port.info_is = InfoIs::kReceived;
  Reselect(port);
}

void Tree::RecordProposal(TreePort& port) {
  if (port.message.role == BpduRole::kDesignated && port.message.proposal) port.proposed = true;
}

// 17.21.9. Who names another root has agreed to something that was said before; and what another
// port of this bridge agrees to was said by somebody else.
void Tree::RecordAgreement(TreePort& port) {
  const bool agrees = settings_.mode == SpanningTreeSettings::Mode::kRstp &&
                      port.admin.is_point_to_point() && port.message.kind == Bpdu::Kind::kRst &&
                      port.message.agreement &&
                      port.message.priority.root == port.port_priority.root &&
                      port.message.priority.bridge != identifier_;
  if (agrees && runs(port.restless_until)) {
    port.proposes_again = true;
    return;
  }
  port.agreed = agrees;
  if (agrees) port.proposing = false;
}

// 17.21.10, as IEEE 802.1Q has it: who says that it is designated, and learns, does not hear this
// port.
void Tree::RecordDispute(TreePort& port) {
  if (port.message.kind != Bpdu::Kind::kRst || !port.message.learning) return;
  if (!port.disputed && port.forwarding) Tell(Event::Kind::kDispute, port.id);
  port.disputed = true;
  port.agreed = false;
}

// A neighbour that sends worse information than the port holds is a new one, and the one that the
// held information is from may be gone. The standard sends nothing until that information is too
// old, so the new neighbour could take the port for a station, and forward.
void Tree::AnswerInferior(TreePort& port) {
  if (port.info_is != InfoIs::kReceived || !port.send_rstp) return;
  port.has_newcomer = true;
  port.new_info = true;
}

// 17.21.17
void Tree::SetTcFlags(TreePort& port) {
  if (port.message.topology_change_ack) port.received_tc_ack = true;
  if (port.admin.restricted_tcn) return;
  if (port.message.topology_change) port.received_tc = true;
  if (port.message.kind == Bpdu::Kind::kTcn) port.received_tcn = true;
}

// 17.21.23
void Tree::UpdateReceivedInfoWhile(TreePort& port) {
  constexpr uint64_t kHellos = 3;
  const bool is_young = port.port_times.message_age + kWireSecond <= port.port_times.max_age;
  const uint64_t hellos = kHellos * TicksOf(port.port_times.hello_time).centiseconds;
  port.rcvd_info_while = now_ + Ticks{is_young ? hellos : 0};
}

}  // namespace tapswitch::stp
