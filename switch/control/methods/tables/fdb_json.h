// Entries of the address table as a JSON array, with the names and types of `bridge -j fdb show`.
// Written directly: 65,536 entries are a few milliseconds of work, and a value of each would be
// many times that.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>

#include "switch/control/apply/bridge_control.h"
#include "switch/forwarding/fdb/mac_entry.h"

namespace tapswitch {

class Overlay;

class FdbJson {
 public:
  // Used within one request: the names of ports stay the same. `control` outlives it. With `now`
  // entries have `used` and `updated`: how many seconds before it the station was last heard of.
  // With `overlay` those of other machines have `remote`: the address of the machine.
  FdbJson(const BridgeControl& control, std::optional<Tick> now, const Overlay* overlay = nullptr);

  void Append(const MacEntry& entry);

  // The array. To be called once, at the end.
  [[nodiscard]] std::string Finish();

 private:
  // The text that entries of one kind on one port have in common, around what differs.
  struct Frame {
    std::string name;
    std::string rest;
  };
  const Frame& FrameOf(const MacEntry& entry);

  const BridgeControl& control_;
  std::optional<Tick> now_;
  const Overlay* overlay_;
  std::unordered_map<uint32_t, Frame> frames_;
  std::string text_ = "[";
};

// One entry as a value, without ages, as events have it.
[[nodiscard]] nlohmann::ordered_json ShowEntry(const BridgeControl& control, const MacEntry& entry);

}  // namespace tapswitch
