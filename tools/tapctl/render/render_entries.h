// Entries of the address table, and neighbours, as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Whether the entries that answer `request` show their port. iproute2 leaves the device out when it
// was asked for one, in text as in JSON.
[[nodiscard]] bool ShowsDevice(const Request& request);

// Returns an entry as bridge(8) shows it.
[[nodiscard]] std::string EntryText(const nlohmann::ordered_json& entry, bool with_device,
                                    bool with_ages);

// Returns the entries by VLAN, port and address: the switch has them in no order.
[[nodiscard]] nlohmann::ordered_json SortedEntries(const nlohmann::ordered_json& list);

// Renders the answer of a method of fdb.
[[nodiscard]] std::string RenderEntries(const Request& request, const nlohmann::ordered_json& list,
                                        const OutputOptions& options);

// Returns a neighbour as ip-neighbour(8) shows it.
[[nodiscard]] std::string NeighbourText(const nlohmann::ordered_json& entry, bool with_device,
                                        const OutputOptions& options);

// Renders the answer of neigh.list.
[[nodiscard]] std::string RenderNeighbours(const Request& request,
                                           const nlohmann::ordered_json& list,
                                           const OutputOptions& options);

}  // namespace tapswitch
