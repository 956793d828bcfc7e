// The roles that the ports of a network have when it has come to rest, from identifiers and costs
// alone (IEEE 802.1D-2004, 17.1 to 17.6): each bridge hears what is said on its LANs, until nobody
// has news.

#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "tests/support/tree_network.h"

namespace tapswitch {

class TreeOracle {
 public:
  explicit TreeOracle(const TreeNetwork& network, std::vector<uint16_t> priorities,
                      std::vector<uint64_t> addresses)
      : network_(network), priorities_(std::move(priorities)), addresses_(std::move(addresses)) {
    said_.resize(network.bridge_count());
    root_ports_.resize(network.bridge_count());
    for (size_t i = 0; i < network.bridge_count(); ++i) said_[i] = Own(i);
    while (Round()) {
    }
  }

  [[nodiscard]] stp::Role RoleOf(size_t bridge, uint16_t port) const {
    const auto lan = network_.lan(bridge, port);
    if (lan == TreeNetwork::kNowhere) return stp::Role::kDisabled;
    if (root_ports_[bridge] == port) return stp::Role::kRoot;
    const auto best = SaidOn(lan);
    if (best->port == IdOf(bridge, port) && best->bridge == said_[bridge].bridge) {
      return stp::Role::kDesignated;
    }
    return best->bridge == said_[bridge].bridge ? stp::Role::kBackup : stp::Role::kAlternate;
  }
  [[nodiscard]] const stp::PriorityVector& RootOf(size_t bridge) const { return said_[bridge]; }

 private:
  stp::PriorityVector Own(size_t i) const {
    const stp::BridgeIdentifier id{.priority = priorities_[i],
                                   .address = MacAddress::FromNumber(addresses_[i])};
    return {.root = id, .root_path_cost = 0, .bridge = id};
  }
  [[nodiscard]] stp::PortIdentifier IdOf(size_t bridge, uint16_t port) const {
    return stp::MakePortIdentifier(network_.settings(bridge, port).priority, {port});
  }
  // The best that a live bridge says on a LAN.
  [[nodiscard]] std::optional<stp::PriorityVector> SaidOn(size_t lan) const {
    std::optional<stp::PriorityVector> best;
    for (size_t i = 0; i < network_.bridge_count(); ++i) {
      for (uint16_t port = 0; port < network_.port_count(i); ++port) {
        if (network_.lan(i, port) != lan || !network_.is_alive(i)) continue;
        stp::PriorityVector one = said_[i];
        one.port = IdOf(i, port);
        if (!best || one < *best) best = one;
      }
    }
    return best;
  }
  bool Round() {
    bool has_news = false;
    for (size_t i = 0; i < network_.bridge_count(); ++i) {
      if (!network_.is_alive(i)) continue;
      stp::PriorityVector best = Own(i);
      std::optional<uint16_t> root_port;
      auto best_path = std::tuple(best, stp::PortIdentifier{0});
      for (uint16_t port = 0; port < network_.port_count(i); ++port) {
        if (network_.lan(i, port) == TreeNetwork::kNowhere) continue;
        auto heard = SaidOn(network_.lan(i, port));
        if (!heard || heard->bridge == said_[i].bridge) continue;
        const uint32_t cost = network_.settings(i, port).cost;
        heard->root_path_cost += cost == 0 ? stp::kDefaultPathCost : cost;
        const auto path = std::tuple(*heard, IdOf(i, port));
        if (path >= best_path) continue;
        best_path = path;
        root_port = port;
      }
      const auto& [vector, id] = best_path;
      stp::PriorityVector says{
          .root = vector.root, .root_path_cost = vector.root_path_cost, .bridge = Own(i).bridge};
      if (says == said_[i] && root_port == root_ports_[i]) continue;
      said_[i] = says;
      root_ports_[i] = root_port;
      has_news = true;
    }
    return has_news;
  }

  const TreeNetwork& network_;
  std::vector<uint16_t> priorities_;
  std::vector<uint64_t> addresses_;
  std::vector<stp::PriorityVector> said_;
  std::vector<std::optional<uint16_t>> root_ports_;
};

}  // namespace tapswitch
