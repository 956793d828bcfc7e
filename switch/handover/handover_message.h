// The messages between a process and its successor: see README.md for their order.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/unix/descriptor_channel.h"
#include "switch/handover/handover_files.h"
#include "switch/handover/handover_state.h"

namespace tapswitch {

[[nodiscard]] OutgoingMessage EncodePrepared(const PreparedState& state);
[[nodiscard]] OutgoingMessage EncodeFinal(const FinalState& state);

// The answers of the successor: that it is ready; why it is not to be; and that it forwards, with
// the time for which nobody did.
[[nodiscard]] OutgoingMessage EncodeReady();
[[nodiscard]] OutgoingMessage EncodeRefusal(std::string_view why);
[[nodiscard]] OutgoingMessage EncodeRunning(std::chrono::nanoseconds gap,
                                            const std::vector<std::string>& not_kept);

struct SuccessorAnswer {
  enum class Kind : uint8_t { kReady, kRefused, kRunning };
  Kind kind = Kind::kReady;
  std::string why;
  std::chrono::nanoseconds gap{};
  std::vector<std::string> not_kept;  // lines for people
};

// FailedPrecondition when the message is one of a format that is not understood; InvalidArgument
// when it makes no sense.
[[nodiscard]] absl::StatusOr<PreparedState> DecodePrepared(DescriptorChannel::Message message);
[[nodiscard]] absl::StatusOr<FinalState> DecodeFinal(DescriptorChannel::Message message);
[[nodiscard]] absl::StatusOr<SuccessorAnswer> DecodeAnswer(std::string_view text);

}  // namespace tapswitch
