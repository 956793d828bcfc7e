// Rules of nftables that see frames in bridges of the kernel.

#pragma once

#include <string>
#include <vector>

namespace tapswitch {

// The names of the tables of family bridge in the calling thread's namespace; those of ebtables are
// among them where it works through nftables. None where they cannot be asked for.
[[nodiscard]] std::vector<std::string> ListBridgeRuleTables();

}  // namespace tapswitch
