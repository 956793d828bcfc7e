// Locks among all processes of a machine. A lock has a name, and one holder at a time.
//
// All locks are ranges of one file, RUNTIME_FOLDER/locks: a name is hashed to a byte. The file is
// opened once, before privileges are dropped, so locks can be taken as long as the process lives.
// The file is never deleted, so no file of another program can be deleted by mistake. The kernel
// releases the locks of a process when it ends, for whatever reason. Other users can neither create
// nor open the file: only its owner may write the folder, and the file's mode is 0600.
//
// The locks are those of fcntl(2), which belong to a process, so the kernel can tell which process
// holds one. All of them would be lost if this process opened the file a second time and closed it.
// So only OfProcess() opens it, except for tests with a folder of their own.
//
// Locks pass from a process to its successor without a moment in which another could take them. The
// first process makes its locks shared, which still keeps out all who want one for themselves. The
// successor, which was handed the open file, takes shared locks, too, and the first one ends.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

// A lock that is held until this object is destroyed, by any thread.
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
  // Returns the locks of this process, which live as long as it does. The first call opens the
  // file, and has to be made before privileges are dropped. Later calls return the same object. The
  // file is in /run/tapswitch for root, in $XDG_RUNTIME_DIR/tapswitch for other users, or else in
  // /tmp/tapswitch-UID. An error names the folders that were tried, and the cure.
  [[nodiscard]] static absl::StatusOr<RuntimeLocks> OfProcess();

  // Opens the file in the first usable folder. Creates the folder (0755) and the file (0600) if
  // they are missing.
  [[nodiscard]] static absl::StatusOr<RuntimeLocks> Open(const std::vector<std::string>& folders);

  // Makes `file`, which another process had from OfProcess, the one of this process. To be called
  // before OfProcess. Locks are taken as shared ones until EndInheritance.
  static void Inherit(FileDescriptor file);
  void EndInheritance() const;

  // Makes all locks that this process holds shared ones: a successor can take them, too.
  void Share() const;

  // The open file, for a successor.
  [[nodiscard]] int fd() const;

  // Takes the lock of a name, such as "netdev 4026531840 17", without waiting. AlreadyExists if any
  // process, this one included, holds it; the message names the holder, such as "process 123
  // (tapswitchd)". Names are compared by a hash of 62 bits. Thread-safe.
  [[nodiscard]] absl::StatusOr<RuntimeLock> Take(std::string_view name) const;

  // The other process that holds the lock of a name; 0: one that cannot be named. Nothing when
  // there is none.
  [[nodiscard]] std::optional<pid_t> HolderOf(std::string_view name) const;

 private:
  class File;
  struct Process;
  explicit RuntimeLocks(std::shared_ptr<File> file) : file_(std::move(file)) {}

  std::shared_ptr<File> file_;
  friend class RuntimeLock;
};

}  // namespace tapswitch
