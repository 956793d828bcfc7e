// Fuzzes what a successor is handed: whatever it is, it is refused or understood, and what was
// understood is the same once it has been written and read again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "switch/handover/handover_message.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckPrepared(const std::string& text) {
  const auto state = DecodePrepared({.text = text, .files = {}});
  if (!state.ok()) return;
  const OutgoingMessage message = EncodePrepared(*state);
  const auto again = DecodePrepared({.text = message.text, .files = {}});
  Require(again.ok() && again->live == state->live && again->entries == state->entries);
  Require(again->commands.size() == state->commands.size());
}

void CheckFinal(const std::string& text) {
  const auto state = DecodeFinal({.text = text, .files = {}});
  if (!state.ok()) return;
  const auto again = DecodeFinal({.text = EncodeFinal(*state).text, .files = {}});
  Require(again.ok() && again->live == state->live && again->changes == state->changes);
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  tapswitch::CheckPrepared(text);
  tapswitch::CheckFinal(text);
  static_cast<void>(tapswitch::DecodeAnswer(text));
  return 0;
}
