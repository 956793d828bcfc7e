// The conversations that the kernel carries, as the switch knows them: by their key, and by the
// addresses of their two stations.
//
// One thread at a time uses it.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// A hash for FlowSightings.
[[nodiscard]] size_t HashOf(const FlowKey& key);

struct OffloadedFlow {
  FlowKey key{};
  PortId ingress;
  PortId egress;
  VlanId vlan;
  MacAddress source{};
  MacAddress destination{};
  KernelForwarding::Generations generations;
  uint64_t hits = 0;  // as last looked at
  uint64_t bytes = 0;
  Tick looked_at;
  Ticks idle;              // since then, without more of them
  bool is_direct = false;  // right into the station's end of a pair
  bool is_pending = false;
  std::shared_ptr<KernelSeat> seat;  // of a pending one
  std::chrono::nanoseconds since{};  // it is pending
  uint64_t lost_before = 0;          // frames of the seat, by then
};

class FlowTable {
 public:
  using Id = uint32_t;

  FlowTable();

  [[nodiscard]] size_t size() const { return by_key_.size(); }
  [[nodiscard]] bool full() const { return size() == TAPSWITCH_MOST_FLOWS; }
  // One more than the highest id that there ever was.
  [[nodiscard]] Id end() const { return static_cast<Id>(flows_.size()); }
  [[nodiscard]] bool has(Id id) const { return id < end() && nodes_[SourceNode(id)].in_use; }
  // Precondition: has(id).
  [[nodiscard]] OffloadedFlow& operator[](Id id) { return flows_[id]; }
  [[nodiscard]] const OffloadedFlow& operator[](Id id) const { return flows_[id]; }

  [[nodiscard]] std::optional<Id> Find(const FlowKey& key) const;
  // Precondition: !full(), and there is none of that key.
  Id Add(OffloadedFlow flow);
  void Remove(Id id);

  // The flows from and to a station, up to `most`.
  [[nodiscard]] std::vector<Id> Of(MacAddress station, size_t most) const;
  [[nodiscard]] bool knows(MacAddress station) const {
    return by_address_.contains(station.number());
  }

 private:
  // Each flow is in the list of its source, and in that of its destination.
  using Node = uint32_t;
  static constexpr Node kNone = ~Node{0};
  struct Link {
    Node before = kNone;
    Node after = kNone;
    bool in_use = false;
  };
  using KeyBytes = std::array<uint8_t, sizeof(FlowKey)>;

  static Node SourceNode(Id id) { return 2 * id; }
  static KeyBytes BytesOf(const FlowKey& key);
  void Enter(Node node, MacAddress station);
  void Leave(Node node, MacAddress station);

  std::vector<OffloadedFlow> flows_;
  std::vector<Link> nodes_;  // two for each flow
  std::vector<Id> free_;
  absl::flat_hash_map<KeyBytes, Id> by_key_;
  absl::flat_hash_map<uint64_t, Node> by_address_;  // the first of the list
};

}  // namespace tapswitch
