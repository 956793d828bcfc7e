// A dialogue with QEMU over its QMP socket. No call waits.

#pragma once

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "switch/control/config/guest_place.h"
#include "switch/control/guests/qmp_dialogue.h"

namespace tapswitch {

class QmpExchange {
 public:
  // Connects. Errors are in words for the user.
  [[nodiscard]] static absl::StatusOr<QmpExchange> Begin(const GuestPlace& place, bool is_up);

  // Readable when Step has something to do.
  [[nodiscard]] int fd() const { return socket_.get(); }
  // Reads what is there, and answers it. Nothing while the dialogue goes on.
  [[nodiscard]] std::optional<absl::Status> Step();

 private:
  QmpExchange(FileDescriptor socket, QmpDialogue dialogue)
      : socket_(std::move(socket)), dialogue_(std::move(dialogue)) {}
  [[nodiscard]] absl::Status Send();

  FileDescriptor socket_;
  QmpDialogue dialogue_;
};

}  // namespace tapswitch
