// Renders the lines that `top` shows. It is pure, so that it is tested without a terminal.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tapswitch {

// The answers to bridge.list and port.list at one moment.
struct TopSample {
  double seconds = 0;  // time of a clock that never goes back
  nlohmann::ordered_json bridge;
  nlohmann::ordered_json ports;
  // The answers to fdb.list and vlan.list about the port whose page is shown.
  nlohmann::ordered_json hosts = nlohmann::ordered_json::array();
  nlohmann::ordered_json vlans = nlohmann::ordered_json::array();
};

enum class TopSort : uint8_t { kTraffic, kName, kDrops, kLearned };

// The choice of the user: which page, and how it is sorted.
struct TopState {
  TopSort sort = TopSort::kTraffic;
  std::string selected{};  // the port that is marked
  std::string port{};      // the port whose page is shown; empty: all ports
  bool shows_help = false;
  bool coloured = false;
};

// The size in lines and columns; lines 0: as many as needed.
struct TopSize {
  size_t lines = 0;
  size_t columns = 0;
};

// Renders the view. Rates are those between the two samples. Lines that do not fit are omitted from
// the end, and the last line says how many.
[[nodiscard]] std::vector<std::string> LayOutTop(const TopSample& before, const TopSample& now,
                                                 TopSize size, const TopState& state = {});

enum class TopKey : uint8_t {
  kOther,
  kQuit,
  kHelp,
  kUp,
  kDown,
  kOpen,
  kBack,
  kSortByTraffic,
  kSortByName,
  kSortByDrops,
  kSortByLearned,
};

// Returns the key that a terminal sends as these bytes.
[[nodiscard]] TopKey KeyOf(std::string_view bytes);

// Changes what is seen, as the user has pressed a key. Returns false when that was to end it.
[[nodiscard]] bool PressKey(TopKey key, const TopSample& before, const TopSample& now,
                            TopState& state);

// Returns the same as one object: rates in units a second.
[[nodiscard]] nlohmann::ordered_json TopAsJson(const TopSample& before, const TopSample& now);

}  // namespace tapswitch
