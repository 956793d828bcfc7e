#include "ports/shared_link.h"

#include <memory>
#include <utility>

namespace tapswitch {

SharedLinkQueries ShareLink(LinkQuery query) {
  auto last = std::make_shared<LinkAnswer>();
  auto ask = [last, query = std::move(query)] {
    auto link = query();
    last->Set(link);
    return link;
  };
  return {.first = std::move(ask), .others = [last] { return last->Get(); }};
}

}  // namespace tapswitch
