// Network namespaces: opening one, telling them apart, and running code inside one.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

// Identifies a network namespace by the inode of its nsfs file, the number that `lsns` and `ip
// netns identify` show. The kernel may reuse the number after the namespace is gone.
struct NetnsId {
  uint64_t inode = 0;
  bool operator==(const NetnsId&) const = default;
};

// An open namespace. The namespace lives at least as long as this object, even if its name is
// deleted.
class NetworkNamespace {
 public:
  // Opens a namespace by its name as `ip netns` knows it (a file in /run/netns), or by a path,
  // which contains a '/'.
  [[nodiscard]] static absl::StatusOr<NetworkNamespace> Open(std::string_view name_or_path);

  // Opens the namespace that the calling thread is in.
  [[nodiscard]] static absl::StatusOr<NetworkNamespace> Current();

  // Takes an open nsfs file. InvalidArgument if `file` is not a network namespace; the message
  // calls it `description`.
  [[nodiscard]] static absl::StatusOr<NetworkNamespace> FromFile(FileDescriptor file,
                                                                 std::string_view description);

  // Opens the same namespace once more.
  [[nodiscard]] absl::StatusOr<NetworkNamespace> Copy() const;

  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] NetnsId id() const { return id_; }

 private:
  NetworkNamespace(FileDescriptor file, NetnsId id) : file_(std::move(file)), id_(id) {}

  FileDescriptor file_;
  NetnsId id_;
};

// Identifies the namespace that `fd`, a borrowed nsfs file, refers to.
[[nodiscard]] absl::StatusOr<NetnsId> IdentifyNetns(int fd);

// Moves the calling thread into another namespace for the life of this object, and back afterwards.
// Sockets and /dev/net/tun belong to the namespace in which they are opened, so only the opening
// has to happen inside. An open socket or device keeps the namespace alive.
class NetnsScope {
 public:
  [[nodiscard]] static absl::StatusOr<NetnsScope> Enter(const NetworkNamespace& target);
  // Aborts the process if the thread cannot return: nothing may continue in the wrong namespace.
  ~NetnsScope();
  NetnsScope(NetnsScope&& other) noexcept : home_(std::exchange(other.home_, std::nullopt)) {}
  NetnsScope& operator=(NetnsScope&&) = delete;
  NetnsScope(const NetnsScope&) = delete;
  NetnsScope& operator=(const NetnsScope&) = delete;

 private:
  NetnsScope() = default;
  explicit NetnsScope(NetworkNamespace home) : home_(std::move(home)) {}

  std::optional<NetworkNamespace> home_;  // nothing if the thread was there already
};

}  // namespace tapswitch
