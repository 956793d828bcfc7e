// The places of the sockets of links: where a switch waits, and where it looks for another one.
//
// The socket of a link is beside the control socket of its switch: its path is that of the control
// socket, a ':' and the name of the port. So `to=br1:trunk` and `to=/tmp/b.sock:trunk` say where it
// is, and no two ports have the same one.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tapswitch {

// The facts about the own switch.
struct LinkPlace {
  std::string bridge;          // its name
  std::string control_socket;  // a path
  std::optional<uid_t> user;   // who owns the sockets of its links; nothing: who makes them
  std::optional<gid_t> group;  // who may connect to them, beside the owner
};

// The other end of a link.
struct LinkTarget {
  std::string bridge;  // the name of the switch, or the path of its control socket
  std::string port;

  [[nodiscard]] bool is_path() const { return bridge.find('/') != std::string::npos; }
  bool operator==(const LinkTarget&) const = default;
};

[[nodiscard]] std::string LinkSocketPath(std::string_view control_socket, std::string_view port);

// The paths at which the socket of `target` may be, to be tried in this order. A name is looked for
// where control sockets are by default, and then beside that of the own switch.
[[nodiscard]] std::vector<std::string> LinkSocketPaths(const LinkTarget& target,
                                                       const LinkPlace& own);

}  // namespace tapswitch
