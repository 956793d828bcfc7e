// Words that commands of several subjects have, and what makes lists of words.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "switch/control/commands/grammar.h"

namespace tapswitch::grammar {

using enum WordKind;

template <size_t... kSizes>
constexpr auto Join(const std::array<Word, kSizes>&... lists) {
  std::array<Word, (kSizes + ...)> all{};
  auto to = all.begin();
  ((to = std::copy(lists.begin(), lists.end(), to)), ...);
  return all;
}

inline constexpr std::array kQuerierWords{
    Word{"mcast_snooping", kFlag},
    Word{"mcast_querier", kFlag},
    Word{"mcast_igmp_version", kNumber},
    Word{"mcast_mld_version", kNumber},
    Word{"mcast_last_member_count", kNumber},
    Word{"mcast_last_member_interval", kText},
    Word{"mcast_startup_query_count", kNumber},
    Word{"mcast_startup_query_interval", kText},
    Word{"mcast_membership_interval", kText},
    Word{"mcast_querier_interval", kText},
    Word{"mcast_query_interval", kText},
    Word{"mcast_query_response_interval", kText},
};

inline constexpr std::array kNameWord{Word{"dev", kName}};

inline constexpr std::array kStormSettings{
    Word{"broadcast", kText},
    Word{"multicast", kText},
    Word{"unknown", kText},
    Word{"burst", kText},
    Word{"action", kChoice, "", "drop|shutdown"},
};

inline constexpr std::array kSecuritySettings{
    Word{"max_macs", kNumber},
    Word{"violation", kChoice, "", "none|drop|shutdown|replace"},
    Word{"moves", kText},
    Word{"move_action", kChoice, "", "log|damp|shutdown"},
};

inline constexpr std::array kRecovery{Word{"recovery", kText}};

}  // namespace tapswitch::grammar
