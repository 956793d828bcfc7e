// A port as one process hands it to its successor: copies of the open files, and numbers about
// them, both by name. A name that the successor does not know is ignored, and what is missing has
// a default, so that both may be of different versions.
//
//   tap      queueN, offloads, seat, kernel_link, tx_dropped
//   unix     socket; once it has paused: connection, unread, unsent, first_left, first_frame,
//            remote
//   link     socket; once it has paused: connection, hello, unsent, links
//   udp      socket; once it has paused: unsent, first_left, first_frame
//   vhost    socket; once it has paused: connection, unread, unreadN, features, protocol_features,
//            device_status, mtu, regions, regionN_*, ringN_*
//   netdev   queueN, netns, ifindex, in_group, group_is_due, seat, exclusion, carries, clsact,
//   (veth)   made_discipline, peer_segmentation, made_gro

#pragma once

#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct PortHandover {
  std::map<std::string, FileDescriptor, std::less<>> files;
  std::map<std::string, uint64_t, std::less<>> numbers;

  static std::string QueueName(size_t queue) { return "queue" + std::to_string(queue); }

  // Adds a copy of an open file. False when there is no descriptor for it.
  [[nodiscard]] bool AddCopy(std::string name, int fd) {
    FileDescriptor copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy.valid()) return false;
    files.insert_or_assign(std::move(name), std::move(copy));
    return true;
  }

  // Adds a file of memory with these bytes. False when there is none to be had.
  [[nodiscard]] bool AddBytes(const std::string& name, std::span<const std::byte> bytes);
  // Reads such a file, up to so many bytes. Empty where there is none.
  [[nodiscard]] std::vector<std::byte> TakeBytes(std::string_view name, size_t most);

  [[nodiscard]] bool has(std::string_view file) const { return files.contains(file); }
  // Takes a file out; an invalid one where there is none of that name.
  [[nodiscard]] FileDescriptor Take(std::string_view name) {
    const auto found = files.find(name);
    return found == files.end() ? FileDescriptor() : std::move(found->second);
  }
  [[nodiscard]] uint64_t number(std::string_view name) const {
    const auto found = numbers.find(name);
    return found == numbers.end() ? 0 : found->second;
  }
};

// Adds what only the thread that asks after interfaces may read.
using HandOverInterface = std::function<absl::Status(PortHandover&)>;

}  // namespace tapswitch
