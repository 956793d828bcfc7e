// The sockets that stream ports listen at, by path: ports with the same path share one, and each
// takes a connection of its own.

#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ports/os/unix_listener.h"

namespace tapswitch {

// One thread calls it; what it hands out may be let go by any.
class UnixListeners {
 public:
  // The one that is there, or a new one; it ends with the last who has it. InvalidArgument when the
  // one that is there is another's in mode, user or group.
  [[nodiscard]] absl::StatusOr<std::shared_ptr<UnixListener>> Get(
      const UnixListener::Options& options);

 private:
  struct Shared {
    std::weak_ptr<UnixListener> listener;
    UnixListener::Options options;
  };

  std::map<std::string, Shared> by_path_;
};

}  // namespace tapswitch
