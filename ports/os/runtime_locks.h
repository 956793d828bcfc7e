// Claims among all processes of a machine: whoever holds the lock of a name is its only owner.
//
// All locks are ranges of one file, RUNTIME_FOLDER/locks: a name is hashed to a byte. The file is
// opened once, before privileges are given up, so that locks can be taken for as long as the
// process lives. It stays where it is when the process ends, so nothing that somebody else may have put
// there is ever removed, and the kernel releases the locks of a process however it ends. Others can
// neither make the file nor open it: the folder is writable by its owner only, and the mode is
// 0600.
//
// The locks are those of fcntl(2), which belong to a process: the kernel tells who holds one. They
// would be lost if this process opened the file a second time and closed that, so nothing but
// OfProcess() opens it, except for tests with a folder of their own.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

// A lock that is held; it ends with this object. Any thread may let it go.
class RuntimeLock {
 public:
  RuntimeLock() = default;  // holds nothing
  [[nodiscard]] bool held() const { return hold_ != nullptr; }

 private:
  friend class RuntimeLocks;
  class Hold;
  explicit RuntimeLock(std::shared_ptr<Hold> hold) : hold_(std::move(hold)) {}

  std::shared_ptr<Hold> hold_;
};

class RuntimeLocks {
 public:
  // The locks of this process, which live as long as it does. The first call opens the file; it has
  // to come before privileges are given up. Later calls return the same. The file is in
  // /run/tapswitch for root, in $XDG_RUNTIME_DIR/tapswitch for other users, or else in
  // /tmp/tapswitch-UID. An error names the folders that were tried, and the cure.
  [[nodiscard]] static absl::StatusOr<RuntimeLocks> OfProcess();

  // Opens the file in the first of the folders that can be used, and makes both when they are
  // missing (0755 and 0600).
  [[nodiscard]] static absl::StatusOr<RuntimeLocks> Open(const std::vector<std::string>& folders);

  // Takes the lock of a name, such as "netdev 4026531840 17", without waiting. AlreadyExists when
  // this process or another has it; the message is who has it, as "process 123 (tapswitchd)". Names
  // are compared by a hash of 62 bits. Thread-safe.
  [[nodiscard]] absl::StatusOr<RuntimeLock> Take(std::string_view name) const;

 private:
  class File;
  explicit RuntimeLocks(std::shared_ptr<File> file) : file_(std::move(file)) {}

  std::shared_ptr<File> file_;
  friend class RuntimeLock;
};

}  // namespace tapswitch
