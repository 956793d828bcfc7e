// Connections between link ports: connecting to one, and the first messages.

#pragma once

#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "ports/link/link_hello.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct LinkAttempt {
  FileDescriptor connection;  // non-blocking; not valid where there is none
  std::string why_not;        // in words for the user; empty: nobody is there yet
};

// Connects to the first of `paths` where somebody listens, without waiting. With `is_trusted_only`
// that has to be a process of root or of this user: so it is where a name, and not a path, says who
// is meant.
[[nodiscard]] LinkAttempt ConnectToLink(std::span<const std::string> paths, bool is_trusted_only);

// Has a new connection keep as much as a turn of the switch may send, as far as the system lets it,
// and says who this is. False if the other end is gone.
[[nodiscard]] bool Greet(int connection, const LinkHello& own);

// Returns the first message of the other end; nothing if it has not come yet. Unavailable if it
// hung up, else as ParseLinkHello.
[[nodiscard]] absl::StatusOr<std::optional<LinkHello>> ReadGreeting(int connection);

}  // namespace tapswitch
