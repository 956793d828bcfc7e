// Network namespaces: opening one, telling them apart, and running code inside one.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

// A network namespace, by the inode of its nsfs file (the number that `lsns` and `ip netns
// identify` compare). The kernel may give the number of a namespace that is gone to a new one.
struct NetnsId {
  uint64_t inode = 0;
  bool operator==(const NetnsId&) const = default;
};

// An open namespace. It lives at least as long as this object, even when its name is deleted.
class NetworkNamespace {
 public:
  // A name as `ip netns` knows it (a file in /run/netns), or a path, which has a '/' in it.
  [[nodiscard]] static absl::StatusOr<NetworkNamespace> Open(std::string_view name_or_path);

  // The one that the calling thread is in.
  [[nodiscard]] static absl::StatusOr<NetworkNamespace> Current();

  // InvalidArgument when `file` is no network namespace; `description` names it there.
  [[nodiscard]] static absl::StatusOr<NetworkNamespace> FromFile(FileDescriptor file,
                                                                 std::string_view description);

  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] NetnsId id() const { return id_; }

 private:
  NetworkNamespace(FileDescriptor file, NetnsId id) : file_(std::move(file)), id_(id) {}

  FileDescriptor file_;
  NetnsId id_;
};

// The namespace of any file that refers to one (a borrowed nsfs file).
[[nodiscard]] absl::StatusOr<NetnsId> IdentifyNetns(int fd);

// The calling thread is in another namespace while this object lives, and in its own again after.
// Sockets and /dev/net/tun belong to the namespace they are opened in, so opening is all that has
// to happen inside. What is opened there keeps the namespace alive for as long as it is open.
class NetnsScope {
 public:
  [[nodiscard]] static absl::StatusOr<NetnsScope> Enter(const NetworkNamespace& target);
  // Aborts the process when the way back is barred: nothing may go on in the wrong namespace.
  ~NetnsScope();
  NetnsScope(NetnsScope&& other) noexcept : home_(std::exchange(other.home_, std::nullopt)) {}
  NetnsScope& operator=(NetnsScope&&) = delete;
  NetnsScope(const NetnsScope&) = delete;
  NetnsScope& operator=(const NetnsScope&) = delete;

 private:
  NetnsScope() = default;
  explicit NetnsScope(NetworkNamespace home) : home_(std::move(home)) {}

  std::optional<NetworkNamespace> home_;  // nothing: the thread was there already
};

}  // namespace tapswitch
