// The state of snooping in one VLAN and family, besides memberships.

#pragma once

#include <algorithm>
#include <optional>

#include "switch/forwarding/ids.h"
#include "switch/protocol/multicast/querier.h"
#include "switch/protocol/multicast/router_ports.h"

namespace tapswitch {

struct SnoopedContext {
  Querier querier;
  RouterPorts routers;
  bool is_new = true;  // its querier has not been configured yet
  // When it is looked at which ports have not answered the last query; nothing: nobody has asked.
  std::optional<Tick> check_answers_at;

  [[nodiscard]] std::optional<Tick> next_deadline(Tick now) const {
    if (is_new) return now;
    std::optional<Tick> next = check_answers_at;
    for (const auto& deadline : {querier.next_deadline(now), routers.next_deadline()}) {
      if (deadline) next = std::min(next.value_or(*deadline), *deadline);
    }
    return next;
  }
};

}  // namespace tapswitch
