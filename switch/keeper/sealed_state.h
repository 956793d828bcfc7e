// The state of a bridge as text in a sealed memfd, which a keeper holds: it outlives the switch,
// and nobody can change it any more, neither the switch nor who else gets it.
//
// A keeper holds two, in the parts of kStateParts in turn. So one of them is whole whenever the
// switch is killed.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "switch/keeper/keeper_message.h"

namespace tapswitch {

inline constexpr std::array<const char*, 2> kStateParts{"/state0", "/state1"};
// The name of the only file in each of them.
inline constexpr const char* kStateFile = "text";

// Makes such a file of the text of now. `sequence` counts from 1.
[[nodiscard]] absl::StatusOr<FileDescriptor> SealState(std::string_view text, uint64_t sequence);

struct KeptText {
  std::string text;
  std::chrono::nanoseconds written_at{};  // of the monotonic clock
};
// Reads the latest text that is whole; nothing where none is.
[[nodiscard]] std::optional<KeptText> ReadKeptText(const KeptParts& parts);

inline constexpr const char* kAttemptsFile = "attempts";  // of the part of the bridge
// Makes that file: no attempt has been made, and it can be written to.
[[nodiscard]] absl::StatusOr<FileDescriptor> MakeAttempts();
// Counts the times that a switch has begun with this state, and has not become ready.
uint64_t CountAttempt(const KeptParts& parts);

}  // namespace tapswitch
