// Facts for users about a port that its thread posts when they change.

#pragma once

#include <utility>

#include "absl/base/thread_annotations.h"
#include "ports/os/mutex.h"
#include "ports/port.h"

namespace tapswitch {

class PostedDetails final : public PortDetails {
 public:
  // The thread of the port calls it, when something has changed.
  void Set(Facts facts) {
    const MutexLock lock(mutex_);
    facts_ = std::move(facts);
  }
  [[nodiscard]] Facts Get() const override {
    const MutexLock lock(mutex_);
    return facts_;
  }

 private:
  mutable Mutex mutex_;
  Facts facts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tapswitch
