// A language for networks of bridges, and what becomes of them. A line is one of
//
//   bridge NAME ID [LAN[/COST]]...     a bridge with that address, and its ports; - is no LAN
//   mode rstp|stp                      for the bridges that follow
//   run SECONDS
//   move NAME PORT LAN                 the link of a port (from 1) goes down, and up on the LAN
//   cost NAME PORT COST
//   portpriority NAME PORT PRIORITY    0 to 63
//   priority NAME PRIORITY
//   kill NAME                          silently
//   expect NAME ROLE...                of each port: R root, D designated, A alternate, B backup,
//                                      - disabled; R with /COST is the cost to the root
//
// Ports with role R and D have to forward, and others must not. A `*` stands for any role. LAN 0 is
// a new one each time.

#pragma once

#include <cstdint>
#include <map>
#include <sstream>
#include <string>

#include "tests/support/tree_network.h"

namespace tapswitch {

class TreeScenario {
 public:
  TreeScenario() {
    network_.set_watch([this] { has_loop_ |= network_.HasLoop(); });
  }

  // Returns the first line that is not as expected, and why; empty: all is.
  std::string Run(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string verb;
      if (!(words >> verb)) continue;
      std::string wrong = Do(verb, words);
      if (wrong.empty() && has_loop_) wrong = "a loop";
      if (!wrong.empty()) return line.append(": ").append(wrong);
    }
    return "";
  }
  TreeNetwork& network() { return network_; }

 private:
  std::string Do(const std::string& verb, std::istringstream& words) {
    if (verb == "bridge") return AddBridge(words);
    std::string name;
    words >> name;
    if (verb == "mode") {
      mode_ = name == "stp" ? SpanningTreeSettings::Mode::kStp : SpanningTreeSettings::Mode::kRstp;
    } else if (verb == "run") {
      network_.RunFor(std::stoul(name));
    } else if (verb == "kill") {
      network_.Kill(bridges_.at(name));
    } else if (verb == "expect") {
      return Expect(bridges_.at(name), words);
    } else if (verb == "priority") {
      SpanningTreeSettings settings = network_.tree(bridges_.at(name)).settings();
      words >> settings.priority;
      network_.Configure(bridges_.at(name), settings);
    } else {
      return ChangePort(verb, bridges_.at(name), words);
    }
    return "";
  }

  std::string AddBridge(std::istringstream& words) {
    std::string name;
    std::string id;
    words >> name >> id;
    const size_t bridge = network_.AddBridge(std::stoull(id, nullptr, 16), TreeNetwork::On(mode_));
    bridges_[name] = bridge;
    for (std::string port; words >> port;) {
      SpanningTreePort settings;
      const size_t slash = port.find('/');
      if (slash != std::string::npos) {
        settings.cost = static_cast<uint32_t>(std::stoul(port.substr(slash + 1)));
      }
      const TreeNetwork::Lan lan = LanOf(port.substr(0, slash));
      network_.AddPort(bridge, lan, settings);
      if (network_.ports_on(lan) > 2) network_.Share(lan);
    }
    return "";
  }

  std::string ChangePort(const std::string& verb, size_t bridge, std::istringstream& words) {
    uint16_t port = 0;
    std::string value;
    words >> port >> value;
    --port;
    SpanningTreePort settings = network_.settings(bridge, port);
    if (verb == "move") {
      network_.Move(bridge, port, LanOf(value));
    } else if (verb == "cost") {
      settings.cost = static_cast<uint32_t>(std::stoul(value));
      network_.Set(bridge, port, settings);
    } else if (verb == "portpriority") {
      settings.priority = static_cast<uint16_t>(std::stoul(value));
      network_.Set(bridge, port, settings);
    } else {
      return "no such verb";
    }
    return "";
  }

  std::string Expect(size_t bridge, std::istringstream& words) {
    uint16_t port = 0;
    for (std::string wanted; words >> wanted; ++port) {
      const stp::TreePort& is = network_.port(bridge, port);
      std::string where = "port " + std::to_string(port + 1) + " is " +
                          std::string(NameOf(is.role)) + ", " +
                          std::string(NameOf(network_.state(bridge, port)));
      if (wanted == "*") continue;
      constexpr std::string_view kLetters = "-RDAB";
      if (kLetters[static_cast<size_t>(is.role)] != wanted[0]) return where;
      const bool passes = is.role == stp::Role::kRoot || is.role == stp::Role::kDesignated;
      if (network_.Forwards(bridge, port) != passes) return where;
      if (wanted.size() < 3) continue;
      const uint32_t cost = network_.tree(bridge).root_priority().root_path_cost;
      if (std::to_string(cost) != wanted.substr(2)) return "its cost is " + std::to_string(cost);
    }
    return "";
  }

  TreeNetwork::Lan LanOf(const std::string& name) {
    if (name == "-") return TreeNetwork::kNowhere;
    if (name == "0") return next_++;  // one of its own
    const auto [place, is_new] = lans_.try_emplace(name, next_);
    if (is_new) ++next_;
    return place->second;
  }

  TreeNetwork network_{1, 0};
  SpanningTreeSettings::Mode mode_ = SpanningTreeSettings::Mode::kRstp;
  std::map<std::string, size_t> bridges_;
  std::map<std::string, TreeNetwork::Lan> lans_;
  TreeNetwork::Lan next_ = 0;
  bool has_loop_ = false;
};

}  // namespace tapswitch
