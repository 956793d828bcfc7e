// A port's query where nobody minds to wait: the first queue asks on its own thread (LinkSharing).

#pragma once

#include <memory>
#include <utility>

#include "ports/interface/link_answer.h"

namespace tapswitch {

inline SharedLinkQueries ShareLink(const PortIdentity& /*identity*/, LinkQuery query) {
  auto last = std::make_shared<LinkAnswer>();
  auto ask = [last, query = std::move(query)] {
    auto link = query();
    last->Set(link);
    return link;
  };
  return {.first = std::move(ask), .others = [last] { return last->Get(); }};
}

}  // namespace tapswitch
