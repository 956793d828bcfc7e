// Keeps what a switch needs that takes the place of a killed one: the open files of ports as they
// come and go, and the rest of the state as text, which is written once a second at most, and only
// after a change.
//
// What an address table loses by that: entries of the last second. When an address was last seen is
// not written by itself (recovery.h).

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "switch/control/state_keeping.h"
#include "switch/handover/handover_state.h"
#include "switch/keeper/part_store.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class StateKeeper final : public StateKeeping {
 public:
  enum class Scope : uint8_t {
    kEverything,
    kExclusions,  // what keeps the host out of interfaces, and no more
  };

  struct Options {
    Scope scope = Scope::kEverything;
    std::string version;      // of the program
    int control_socket = -1;  // that listens
  };

  // All outlive it.
  StateKeeper(Options options, PartStore& store, RunningSwitch running);

  void Begin(BridgeControl& control, const Attacher& attacher, int metrics_listener) override;
  void Ready() override;
  void OnLinkState(PortId port) override { changed_ports_.insert(port); }
  void OnRemoved(PortId port) override;
  std::optional<std::chrono::milliseconds> Step() override;

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool keeps_everything() const { return options_.scope == Scope::kEverything; }
  void KeepBridge(int metrics_listener);
  void KeepPorts();
  void KeepPort(const PortConfig& port);
  void KeepOverlay();
  void KeepFiles(const std::string& part, PortHandover files);
  [[nodiscard]] bool IsTextOld() const;
  void WriteText();
  void KeepText(const std::string& text);
  [[nodiscard]] std::string MakeText();
  void Note(const absl::Status& status);

  Options options_;
  PartStore& store_;
  RunningSwitch running_;
  BridgeControl* control_ = nullptr;  // since Begin
  const Attacher* attacher_ = nullptr;

  std::map<PortId, HandedPort> kept_;  // without files
  std::set<PortId> changed_ports_;
  std::vector<EvpnConfig> kept_vnis_;
  uint64_t seen_changes_ = 0;  // of the configuration
  bool has_changed_ = true;    // something that the text has, beside the table
  uint64_t texts_ = 0;         // that were written
  uint64_t written_journal_ = 0;
  Clock::time_point next_text_{};
  Clock::time_point next_after_change_{};  // if ports or settings have changed
  bool has_failed_ = false;                // and the log says so
};

}  // namespace tapswitch
