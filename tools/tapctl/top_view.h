// Renders the lines that `top` shows. It is pure, so that it is tested without a terminal.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tapswitch {

// The answers to bridge.list and port.list at one moment.
struct TopSample {
  double seconds = 0;  // time of a clock that never goes back
  nlohmann::ordered_json bridge;
  nlohmann::ordered_json ports;
};

// The size in lines and columns; lines 0: as many as needed.
struct TopSize {
  size_t lines = 0;
  size_t columns = 0;
};

// Renders the view. Rates are those between the two samples. Ports are sorted by falling traffic.
// Lines that do not fit are omitted from the end, and the last line says how many.
[[nodiscard]] std::vector<std::string> LayOutTop(const TopSample& before, const TopSample& now,
                                                 TopSize size);

// Returns the same as one object: rates in units a second.
[[nodiscard]] nlohmann::ordered_json TopAsJson(const TopSample& before, const TopSample& now);

}  // namespace tapswitch
