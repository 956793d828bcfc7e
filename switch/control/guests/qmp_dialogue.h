// A dialogue with QEMU by QMP, its machine protocol, to set a link of a guest: the greeting is
// awaited, capabilities are negotiated, set_link is sent, and its answer is awaited. Events in
// between are ignored. Pure: bytes in, bytes out. QEMU is not trusted: what it sends is bounded.

#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace tapswitch {

class QmpDialogue {
 public:
  // The maximum of bytes that QEMU may send: a greeting, two answers and a burst of events.
  static constexpr size_t kMostReceived = size_t{1} << 18U;

  // Sets the link of the card or netdev `id` up or down.
  QmpDialogue(std::string_view id, bool is_up);

  void Receive(std::string_view bytes);
  // Returns what is to be sent, and forgets it.
  [[nodiscard]] std::string TakeOutput() { return std::exchange(output_, {}); }
  // Nothing while the dialogue goes on. Errors are in words for the user.
  [[nodiscard]] const std::optional<absl::Status>& result() const { return result_; }

 private:
  enum class Awaited : uint8_t { kGreeting, kCapabilities, kAnswer };

  void TakeLine(std::string_view line);
  void TakeReturn();
  void Fail(std::string_view why);

  nlohmann::json set_link_;
  Awaited awaited_ = Awaited::kGreeting;
  std::string input_;  // a line that is not complete
  size_t received_ = 0;
  std::string output_;
  std::optional<absl::Status> result_;
};

}  // namespace tapswitch
