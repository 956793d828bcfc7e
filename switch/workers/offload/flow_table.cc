#include "switch/workers/offload/flow_table.h"

#include <cstring>
#include <string_view>

#include "absl/hash/hash.h"

namespace tapswitch {

size_t HashOf(const FlowKey& key) {
  return absl::Hash<std::string_view>()({reinterpret_cast<const char*>(&key), sizeof(key)});
}

// Growing moves all there is, so it has grown before there are frames.
FlowTable::FlowTable() {
  flows_.reserve(TAPSWITCH_MOST_FLOWS);
  nodes_.reserve(2 * size_t{TAPSWITCH_MOST_FLOWS});
  free_.reserve(TAPSWITCH_MOST_FLOWS);
  by_key_.reserve(TAPSWITCH_MOST_FLOWS);
  by_address_.reserve(2 * size_t{TAPSWITCH_MOST_FLOWS});
}

FlowTable::KeyBytes FlowTable::BytesOf(const FlowKey& key) {
  KeyBytes bytes;
  std::memcpy(bytes.data(), &key, bytes.size());
  return bytes;
}

std::optional<FlowTable::Id> FlowTable::Find(const FlowKey& key) const {
  const auto found = by_key_.find(BytesOf(key));
  return found == by_key_.end() ? std::nullopt : std::optional(found->second);
}

FlowTable::Id FlowTable::Add(OffloadedFlow flow) {
  Id id = end();
  if (free_.empty()) {
    flows_.emplace_back();
    nodes_.resize(nodes_.size() + 2);
  } else {
    id = free_.back();
    free_.pop_back();
  }
  by_key_.emplace(BytesOf(flow.key), id);
  Enter(SourceNode(id), flow.source);
  Enter(SourceNode(id) + 1, flow.destination);
  flows_[id] = std::move(flow);
  return id;
}

void FlowTable::Remove(Id id) {
  OffloadedFlow& flow = flows_[id];
  by_key_.erase(BytesOf(flow.key));
  Leave(SourceNode(id), flow.source);
  Leave(SourceNode(id) + 1, flow.destination);
  flow = {};
  free_.push_back(id);
}

void FlowTable::Enter(Node node, MacAddress station) {
  const auto [place, is_first] = by_address_.try_emplace(station.number(), node);
  const Node after = is_first ? kNone : place->second;
  nodes_[node] = {.before = kNone, .after = after, .in_use = true};
  if (after != kNone) nodes_[after].before = node;
  place->second = node;
}

void FlowTable::Leave(Node node, MacAddress station) {
  const Link link = nodes_[node];
  nodes_[node] = {};
  if (link.after != kNone) nodes_[link.after].before = link.before;
  if (link.before != kNone) {
    nodes_[link.before].after = link.after;
  } else if (link.after != kNone) {
    by_address_[station.number()] = link.after;
  } else {
    by_address_.erase(station.number());
  }
}

std::vector<FlowTable::Id> FlowTable::Of(MacAddress station, size_t most) const {
  std::vector<Id> ids;
  const auto first = by_address_.find(station.number());
  if (first == by_address_.end()) return ids;
  for (Node node = first->second; node != kNone && ids.size() < most; node = nodes_[node].after) {
    ids.push_back(node / 2);
  }
  return ids;
}

}  // namespace tapswitch
