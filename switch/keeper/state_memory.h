// The state of a bridge in memory that outlives the switch: text in two files, of which the older
// one is written each time. So whenever the switch is killed, one of them is whole: a checksum says
// which. They are not sealed, as they are written in place; nobody reads them while their switch
// lives.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/port_handover.h"

namespace tapswitch {

class StateMemory {
 public:
  [[nodiscard]] static absl::StatusOr<StateMemory> Create();

  // Writes the text of now. After an error the one before is still there.
  [[nodiscard]] absl::Status Write(std::string_view text);

  // Adds copies of the files. False when there are no descriptors.
  [[nodiscard]] bool HandOver(PortHandover& to) const;

  struct Content {
    std::string text;
    std::chrono::nanoseconds written_at{};  // of the monotonic clock
  };
  // Reads the later one of those that are whole; nothing where none is.
  [[nodiscard]] static std::optional<Content> Read(const PortHandover& from);

  // Counts the times that a switch has begun with this state, and has not become ready. It is kept
  // with the files.
  static uint64_t CountAttempt(const PortHandover& from);

 private:
  StateMemory() = default;

  std::array<FileDescriptor, 2> files_;
  uint64_t sequence_ = 0;
};

}  // namespace tapswitch
