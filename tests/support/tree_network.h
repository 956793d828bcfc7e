// Bridges with spanning trees, and the LANs between them, in a time of their own. Messages take a
// while, and arrive in order. After each step somebody may look whether frames could run in a
// circle.

#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/protocol/stp/tree.h"

namespace tapswitch {

class TreeNetwork {
 public:
  using Lan = size_t;
  static constexpr Lan kNowhere = ~size_t{0};

  struct PortPlace {
    size_t bridge = 0;
    uint16_t port = 0;
    auto operator<=>(const PortPlace&) const = default;
  };

  // `seed` decides how long messages take.
  explicit TreeNetwork(uint64_t seed = 1, uint64_t slowest = 1)
      : random_(seed), slowest_(slowest) {}

  static SpanningTreeSettings On(
      SpanningTreeSettings::Mode mode = SpanningTreeSettings::Mode::kRstp) {
    return {.is_on = true, .mode = mode};
  }
  // Returns the number of the bridge. Lower addresses are better.
  size_t AddBridge(uint64_t address, const SpanningTreeSettings& settings) {
    bridges_.push_back(std::make_unique<Bridge>(*this, bridges_.size()));
    bridges_.back()->address = MacAddress::FromNumber(address);
    Configure(bridges_.size() - 1, settings);
    return bridges_.size() - 1;
  }
  void Configure(size_t bridge, const SpanningTreeSettings& settings) {
    Bridge& one = *bridges_[bridge];
    one.tree.Configure(settings, one.address, now_);
  }
  // Adds a port, whose link is up if the LAN is somewhere.
  uint16_t AddPort(size_t bridge, Lan lan, const SpanningTreePort& settings = {}) {
    Bridge& one = *bridges_[bridge];
    const auto port = static_cast<uint16_t>(one.ports.size());
    one.ports.push_back({.lan = kNowhere, .settings = settings});
    one.tree.SetPort({port}, settings, now_);
    Move(bridge, port, lan);
    return port;
  }
  void Set(size_t bridge, uint16_t port, const SpanningTreePort& settings) {
    bridges_[bridge]->ports[port].settings = settings;
    Tell(bridge, port);
  }
  // Its own link goes down, and comes up on the LAN, whatever the others there see of that.
  void Move(size_t bridge, uint16_t port, Lan lan) {
    Bridge& one = *bridges_[bridge];
    one.ports[port].lan = lan;
    one.states.erase(port);
    one.tree.SetEnabled({port}, false, now_);
    one.tree.SetEnabled({port}, lan != kNowhere && one.is_alive, now_);
    lan_count_ = std::max(lan_count_, lan == kNowhere ? 0 : lan + 1);
    Tell(bridge, port);
  }
  // Ports on the LAN are to be told that they share it with more than one other.
  void Share(Lan lan) {
    shared_.insert(lan);
    for (size_t bridge = 0; bridge < bridges_.size(); ++bridge) {
      for (uint16_t id = 0; id < port_count(bridge); ++id) {
        if (this->lan(bridge, id) == lan) Tell(bridge, id);
      }
    }
  }
  [[nodiscard]] bool is_shared(Lan lan) const { return shared_.contains(lan); }
  [[nodiscard]] size_t ports_on(Lan lan) const {
    size_t count = 0;
    for (const auto& bridge : bridges_) {
      for (const Port& port : bridge->ports) count += port.lan == lan ? 1 : 0;
    }
    return count;
  }
  // A bridge that is dead forwards nothing and is silent; its neighbours see no change of links.
  void Kill(size_t bridge) { bridges_[bridge]->is_alive = false; }
  void Revive(size_t bridge) {
    Bridge& one = *bridges_[bridge];
    const SpanningTreeSettings settings = one.tree.settings();
    one.tree = {};
    one.tree.Configure(settings, one.address, now_);
    one.states.clear();
    one.is_alive = true;
    for (uint16_t port = 0; port < port_count(bridge); ++port) {
      one.tree.SetPort({port}, one.ports[port].settings, now_);
      one.tree.SetEnabled({port}, one.ports[port].lan != kNowhere, now_);
    }
  }
  // Another process goes on with the tree, on the same ports in the same states.
  void Replace(size_t bridge) {
    Bridge& one = *bridges_[bridge];
    const stp::Tree::Memory memory = one.tree.Remember();
    const SpanningTreeSettings settings = one.tree.settings();
    one.tree = {};
    one.tree.Configure(settings, one.address, now_);
    for (uint16_t port = 0; port < port_count(bridge); ++port) {
      one.tree.SetPort({port}, one.ports[port].settings, now_);
    }
    one.tree.Restore(memory);
    for (uint16_t port = 0; port < port_count(bridge); ++port) {
      one.tree.SetEnabled({port}, one.ports[port].lan != kNowhere, now_);
    }
  }
  // Messages that leave by the port are lost.
  void Silence(size_t bridge, uint16_t port, bool silent = true) {
    bridges_[bridge]->ports[port].is_silent = silent;
  }

  // Called after each step.
  void set_watch(std::function<void()> watch) { watch_ = std::move(watch); }

  void RunFor(uint64_t seconds) { RunUntil(now_ + Ticks{seconds * 100}); }
  void RunUntil(Tick end) {
    while (Step(end)) {
      if (watch_) watch_();
    }
    now_ = std::max(now_, end);
  }
  [[nodiscard]] Tick now() const { return now_; }

  [[nodiscard]] size_t bridge_count() const { return bridges_.size(); }
  [[nodiscard]] size_t lan_count() const { return lan_count_; }
  [[nodiscard]] uint16_t port_count(size_t bridge) const {
    return static_cast<uint16_t>(bridges_[bridge]->ports.size());
  }
  [[nodiscard]] bool is_alive(size_t bridge) const { return bridges_[bridge]->is_alive; }
  [[nodiscard]] Lan lan(size_t bridge, uint16_t port) const {
    return bridges_[bridge]->ports[port].lan;
  }
  [[nodiscard]] stp::Tree& tree(size_t bridge) { return bridges_[bridge]->tree; }
  [[nodiscard]] const stp::TreePort& port(size_t bridge, uint16_t port) const {
    return bridges_[bridge]->tree.port({port});
  }
  [[nodiscard]] const SpanningTreePort& settings(size_t bridge, uint16_t port) const {
    return bridges_[bridge]->ports[port].settings;
  }
  [[nodiscard]] const std::vector<stp::Event>& events(size_t bridge) const {
    return bridges_[bridge]->events;
  }
  [[nodiscard]] size_t flushes(size_t bridge, uint16_t port) const {
    const auto& flushed = bridges_[bridge]->flushed;
    return static_cast<size_t>(std::count(flushed.begin(), flushed.end(), port));
  }
  [[nodiscard]] PortState state(size_t bridge, uint16_t port) const {
    const auto& states = bridges_[bridge]->states;
    const auto found = states.find(port);
    return found == states.end() ? PortState::kBlocking : found->second;
  }
  [[nodiscard]] bool Forwards(size_t bridge, uint16_t port) const {
    return is_alive(bridge) && lan(bridge, port) != kNowhere &&
           state(bridge, port) == PortState::kForwarding;
  }
  // Sends a frame's bytes to all others on a LAN, as somebody else would.
  void Inject(size_t bridge, uint16_t port, std::vector<std::byte> frame) {
    Deliver({bridge, port}, frame);
  }

  // Whether a frame could come back to where it was.
  [[nodiscard]] bool HasLoop() const {
    std::vector<size_t> group(bridges_.size() + lan_count_);
    std::iota(group.begin(), group.end(), 0);
    const auto find = [&](size_t one) {
      while (group[one] != one) one = group[one] = group[group[one]];
      return one;
    };
    for (size_t bridge = 0; bridge < bridges_.size(); ++bridge) {
      for (uint16_t port = 0; port < port_count(bridge); ++port) {
        if (!Forwards(bridge, port)) continue;
        const size_t a = find(bridge);
        const size_t b = find(bridges_.size() + lan(bridge, port));
        if (a == b) return true;
        group[a] = b;
      }
    }
    return false;
  }

 private:
  struct Port {
    Lan lan = kNowhere;
    bool is_silent = false;
    Tick last_sent;  // when the last message arrives
    SpanningTreePort settings;
  };

  struct Bridge final : stp::TreeEffects {
    Bridge(TreeNetwork& all, size_t index) : network(all), number(index) {}

    void SetState(PortId id, PortState state) override { states[id.value] = state; }
    void Flush(PortId id) override { flushed.push_back(id.value); }
    bool Send(PortId id, std::span<const std::byte> frame) override {
      network.Broadcast({number, id.value}, {frame.begin(), frame.end()});
      return true;
    }
    void Tell(const stp::Event& event) override { events.push_back(event); }

    TreeNetwork& network;
    size_t number;
    MacAddress address{};
    bool is_alive = true;
    stp::Tree tree;
    std::vector<Port> ports;
    std::map<uint16_t, PortState> states;
    std::vector<uint16_t> flushed;
    std::vector<stp::Event> events;
  };

  struct Message {
    Tick at;
    uint64_t number = 0;
    PortPlace to;
    Lan lan = kNowhere;
    std::vector<std::byte> frame;

    bool operator>(const Message& other) const {
      return std::tie(at, number) > std::tie(other.at, other.number);
    }
  };

  void Tell(size_t bridge, uint16_t id) {
    Port& port = bridges_[bridge]->ports[id];
    port.settings.p2p =
        is_shared(port.lan) ? SpanningTreePort::PointToPoint::kOff : SpanningTreePort{}.p2p;
    bridges_[bridge]->tree.SetPort({id}, port.settings, now_);
  }

  void Broadcast(PortPlace from, const std::vector<std::byte>& frame) {
    Port& port = bridges_[from.bridge]->ports[from.port];
    if (port.lan == kNowhere || port.is_silent) return;
    port.last_sent = std::max(now_ + Ticks{random_() % (slowest_ + 1)}, port.last_sent);
    for (size_t bridge = 0; bridge < bridges_.size(); ++bridge) {
      for (uint16_t id = 0; id < port_count(bridge); ++id) {
        const bool is_self = from == PortPlace{bridge, id};
        if (lan(bridge, id) != port.lan || is_self) continue;
        messages_.push({port.last_sent, ++sent_, {bridge, id}, port.lan, frame});
      }
    }
  }

  void Deliver(PortPlace to, std::span<const std::byte> frame) {
    Bridge& bridge = *bridges_[to.bridge];
    if (!bridge.is_alive) return;
    constexpr size_t kLength = 12;
    bridge.tree.Receive({to.port}, frame.subspan(kEthernetHeaderSize),
                        LoadBe16(frame.data() + kLength), now_, bridge);
  }

  // False when nothing happens until `end`.
  bool Step(Tick end) {
    std::optional<size_t> first;
    Tick at = end;
    for (size_t i = 0; i < bridges_.size(); ++i) {
      if (!bridges_[i]->is_alive) continue;
      const auto due = bridges_[i]->tree.next_deadline();
      if (!due || std::max(*due, now_) >= at) continue;
      first = i;
      at = std::max(*due, now_);
    }
    if (!messages_.empty() && messages_.top().at <= at && messages_.top().at < end) {
      const Message message = messages_.top();
      messages_.pop();
      now_ = std::max(now_, message.at);
      if (lan(message.to.bridge, message.to.port) == message.lan) {
        Deliver(message.to, message.frame);
      }
      return true;
    }
    if (!first) return false;
    now_ = at;
    bridges_[*first]->tree.Run(now_, *bridges_[*first]);
    return true;
  }

  std::mt19937_64 random_;
  uint64_t slowest_;
  Tick now_{100000};
  size_t lan_count_ = 0;
  std::set<Lan> shared_;
  uint64_t sent_ = 0;
  std::vector<std::unique_ptr<Bridge>> bridges_;
  std::priority_queue<Message, std::vector<Message>, std::greater<>> messages_;
  std::function<void()> watch_;
};

}  // namespace tapswitch
