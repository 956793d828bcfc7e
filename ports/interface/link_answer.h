// The last answer about a port's interface, which the queues of the port share.
//
// Each queue of a port lives on a thread of its own. One asks the kernel for all of them, and the
// others are given what was answered last. The answer is never older than a change that a queue is
// told of, as it is asked for before any queue is told.

#pragma once

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "ports/interface/link_follower.h"
#include "ports/os/mutex.h"
#include "ports/port.h"

namespace tapswitch {

// The last answer, for any thread. FailedPrecondition before there is one.
class LinkAnswer {
 public:
  void Set(const absl::StatusOr<LinkEvent>& link) {
    const MutexLock lock(mutex_);
    link_ = link;
  }
  [[nodiscard]] absl::StatusOr<LinkEvent> Get() const {
    const MutexLock lock(mutex_);
    return link_;
  }

 private:
  mutable Mutex mutex_;
  absl::StatusOr<LinkEvent> link_ ABSL_GUARDED_BY(mutex_) =
      absl::FailedPreconditionError("the interface of the port has not been asked for yet");
};

struct SharedLinkQueries {
  LinkQuery first;                  // of the port's first queue, which owns what it asks
  LinkQuery others;                 // the last answer, for any thread
  std::function<void()> refresh{};  // see LinkSource
  std::function<void(std::shared_ptr<void>)> discard{};  // see InterfacePort::Medium
};

// Shares a port's query among its queues. `identity` is that of the first. LinkThread::Share is the
// one of the switch.
using LinkSharing = std::function<SharedLinkQueries(const PortIdentity& identity, LinkQuery query)>;

}  // namespace tapswitch
