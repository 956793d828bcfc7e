// What `top` shows, as lines: pure, so that it is tested without a terminal.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tapswitch {

// The answers to bridge.list and port.list at one moment.
struct TopSample {
  double seconds = 0;  // on a clock that never goes back
  nlohmann::ordered_json bridge;
  nlohmann::ordered_json ports;
};

// How many lines and columns there are; lines 0: as many as it takes.
struct TopSize {
  size_t lines = 0;
  size_t columns = 0;
};

// Rates are those between the two samples. Ports come by falling traffic. Whatever does not fit is
// left out from the end, and the last line then says how much.
[[nodiscard]] std::vector<std::string> LayOutTop(const TopSample& before, const TopSample& now,
                                                 TopSize size);

}  // namespace tapswitch
