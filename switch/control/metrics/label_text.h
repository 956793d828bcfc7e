// Converts text for a label of a metric.

#pragma once

#include <string>
#include <string_view>

namespace tapswitch {

// The kernel takes any byte but a few in an interface name; Prometheus refuses a whole scrape for
// one label that is not UTF-8. So control characters, backslashes, and bytes that are not UTF-8
// become \xHH. Different names stay different.
[[nodiscard]] std::string LabelText(std::string_view name);

}  // namespace tapswitch
