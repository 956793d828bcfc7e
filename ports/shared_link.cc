#include "ports/shared_link.h"

#include <memory>
#include <mutex>
#include <utility>

namespace tapswitch {
namespace {

class LastAnswer {
 public:
  void Set(const absl::StatusOr<LinkEvent>& link) {
    const std::lock_guard lock(mutex_);
    link_ = link;
  }
  [[nodiscard]] absl::StatusOr<LinkEvent> Get() const {
    const std::lock_guard lock(mutex_);
    return link_;
  }

 private:
  mutable std::mutex mutex_;
  absl::StatusOr<LinkEvent> link_ =
      absl::FailedPreconditionError("the first queue of the port has not been started");
};

}  // namespace

SharedLinkQueries ShareLink(LinkQuery query) {
  auto last = std::make_shared<LastAnswer>();
  auto ask = [last, query = std::move(query)] {
    auto link = query();
    last->Set(link);
    return link;
  };
  return {.first = std::move(ask), .others = [last] { return last->Get(); }};
}

}  // namespace tapswitch
