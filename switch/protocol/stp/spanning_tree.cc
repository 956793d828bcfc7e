#include "switch/protocol/stp/spanning_tree.h"

#include <utility>

namespace tapswitch {
namespace {

// The alarm that a guard's event is; nothing for others.
std::optional<Alarm::Kind> TreeAlarmOf(stp::Event::Kind kind) {
  switch (kind) {
    case stp::Event::Kind::kBpduGuard:
      return Alarm::Kind::kBpduGuard;
    case stp::Event::Kind::kRootGuard:
      return Alarm::Kind::kRootGuard;
    case stp::Event::Kind::kLoopGuard:
      return Alarm::Kind::kLoopGuard;
    case stp::Event::Kind::kLoopedBack:
      return Alarm::Kind::kLoopedBack;
    case stp::Event::Kind::kDispute:
      return Alarm::Kind::kDispute;
    case stp::Event::Kind::kPort:
    case stp::Event::Kind::kTopologyChange:
      break;
  }
  return std::nullopt;
}

}  // namespace

// Where the effects of the tree go in one call.
class SpanningTree::Effects final : public stp::TreeEffects {
 public:
  Effects(SpanningTree& owner, ProtocolContext& context) : owner_(owner), context_(context) {}

  void SetState(PortId port, PortState state) override {
    if (context_.effects != nullptr) context_.effects->SetState(port, state);
  }
  void Flush(PortId port) override {
    if (context_.effects != nullptr) context_.effects->Flush(port);
  }
  bool Send(PortId port, std::span<const std::byte> frame) override {
    return context_.originator.SendOnLink(port, frame);
  }
  void Tell(const stp::Event& event) override {
    if (const auto alarm = TreeAlarmOf(event.kind)) {
      static_cast<void>(
          context_.alarms.Raise({.kind = *alarm,
                                 .port = event.port,
                                 .shut_down = event.kind == stp::Event::Kind::kBpduGuard,
                                 .recovery = owner_.tree_->port(event.port).admin.recovery}));
    } else if (owner_.events_.size() < kMostEvents) {
      owner_.events_.push_back(event);
    }
  }

 private:
  SpanningTree& owner_;
  ProtocolContext& context_;
};

void SpanningTree::Configure(const SpanningTreeSettings& settings, MacAddress address, Tick now) {
  settings_ = settings;
  if (!settings.is_on) return tree_.reset();
  if (!tree_) tree_.emplace();
  tree_->Configure(settings, address, now);
  ports_have_changed_ = true;
}

void SpanningTree::OnLinkSpeed(PortId port, uint32_t speed) {
  ports_have_changed_ |= link_speeds_[port.value] != speed;
  link_speeds_[port.value] = speed;
}

void SpanningTree::OnClosed(PortId port) {
  if (!tree_) return;
  tree_->SetEnabled(port, false, tree_->now());
  ports_have_changed_ = true;
}

ProtocolInterests SpanningTree::interests() const {
  return {.reserved = static_cast<uint16_t>(settings_.is_on ? 1U : 0U), .types = {}};
}

// A BPDU has no tag (IEEE 802.1Q, 8.13.9), and a length.
ProtocolVerdict SpanningTree::See(const ParsedFrame& frame, ProtocolContext& context) {
  if (!tree_) return ProtocolVerdict::Pass();
  const bool may_be_bpdu = !frame.header.tag && frame.header.is_llc();
  Effects effects(*this, context);
  const bool is_heard =
      tree_->Receive(frame.ingress, frame.bytes.subspan(frame.header.payload_offset),
                     may_be_bpdu ? frame.header.type_or_length : 0U, context.now, effects);
  if (is_heard && context.effects != nullptr) context.effects->Wake();
  return ProtocolVerdict::Consume(DropReason::kBpdu);
}

void SpanningTree::OnTick(ProtocolContext& context) {
  if (!tree_) return;
  if (std::exchange(ports_have_changed_, false)) FollowPorts(context.view, context.now);
  const auto due = tree_->next_deadline();
  if (!due || *due > context.now) return;
  Effects effects(*this, context);
  tree_->Run(context.now, effects);
}

std::optional<Tick> SpanningTree::next_deadline() const {
  if (!tree_) return std::nullopt;
  return ports_have_changed_ ? Tick{} : tree_->next_deadline();
}

void SpanningTree::FollowPorts(const ForwardingView& view, Tick now) {
  const PortSet taking_part = view.ports() - view.mirror_destinations();
  (tree_->ports() - taking_part).ForEach([&](PortId id) { tree_->RemovePort(id, now); });
  taking_part.ForEach([&](PortId id) {
    SpanningTreePort port = view.spanning_tree(id);
    port.link_speed = link_speeds_[id.value];
    tree_->SetPort(id, port, now);
    tree_->SetEnabled(id, view.gates().enabled().contains(id), now);
  });
}

std::optional<stp::Tree::Memory> SpanningTree::Remember() const {
  return tree_ ? std::optional(tree_->Remember()) : std::nullopt;
}

void SpanningTree::Restore(const stp::Tree::Memory& memory, const ForwardingView& view, Tick now) {
  if (!tree_) return;
  FollowPorts(view, now);
  tree_->Restore(memory);
  ports_have_changed_ = true;
}

std::optional<SpanningTreeSnapshot> SpanningTree::Snapshot() const {
  if (!tree_) return std::nullopt;
  SpanningTreeSnapshot snapshot{.bridge = tree_->identifier(),
                                .root = tree_->root_priority(),
                                .root_times = tree_->root_times(),
                                .root_port = tree_->root_port(),
                                .changes = tree_->topology_changes(),
                                .ports = {}};
  tree_->ports().ForEach([&](PortId id) {
    snapshot.ports.push_back({.port = tree_->port(id), .cost = tree_->path_cost(id)});
  });
  return snapshot;
}

}  // namespace tapswitch
