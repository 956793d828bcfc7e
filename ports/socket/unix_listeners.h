// The sockets that stream ports listen on, by path. Ports with the same path share one socket, and
// each accepts its own connection.

#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ports/os/unix/unix_listener.h"

namespace tapswitch {

// One thread calls Get; any thread may release the results.
class UnixListeners {
 public:
  // Returns the listener of this path, or a new one. It ends with its last user. InvalidArgument if
  // the existing one has another mode, user or group.
  // A new one is made of the socket that another process hands over, if `inherited` is valid.
  [[nodiscard]] absl::StatusOr<std::shared_ptr<UnixListener>> Get(
      const UnixListener::Options& options, FileDescriptor inherited = FileDescriptor());

 private:
  struct Shared {
    std::weak_ptr<UnixListener> listener;
    UnixListener::Options options;
  };

  std::map<std::string, Shared> by_path_;
};

}  // namespace tapswitch
