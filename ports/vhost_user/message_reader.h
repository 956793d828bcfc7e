// Reads messages of vhost-user from a stream socket, with the files that come along. Messages may
// come in pieces of any size.

#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/port_handover.h"
#include "ports/vhost_user/front_end_files.h"
#include "ports/vhost_user/message.h"

namespace tapswitch {

struct ReceivedMessage {
  VhostMessage message;
  std::vector<FileDescriptor> files;  // as many as the message has
};

class MessageReader {
 public:
  // Reads from a non-blocking socket until a message is complete. Nothing if there is no more to
  // read for now. Cancelled when the front end has hung up; other errors say what it did wrong.
  // All files of a message are events or memory.
  [[nodiscard]] absl::StatusOr<std::optional<ReceivedMessage>> Read(int socket);

  // False while files that were sent before cannot be closed: nobody is to be connected to.
  [[nodiscard]] bool is_able() const { return unwanted_.has_room(); }
  // Forgets what was read of a message.
  void Clear();

  // Adds the part of a message that was read, for another process, which restores it.
  [[nodiscard]] bool Save(PortHandover& to) const;
  void Restore(PortHandover& from);

 private:
  [[nodiscard]] absl::StatusOr<bool> Fill(int socket, size_t size);
  [[nodiscard]] absl::StatusOr<bool> Receive(int socket, size_t size);
  [[nodiscard]] absl::Status KeepFiles(const msghdr& received);
  [[nodiscard]] absl::Status CheckFiles();

  std::array<std::byte, kVhostHeaderSize + kMaxVhostPayload> bytes_{};
  size_t have_ = 0;
  std::vector<FileDescriptor> files_;
  UnwantedFiles unwanted_;
};

}  // namespace tapswitch
