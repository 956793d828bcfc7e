// Input: what QEMU says, in pieces, each behind a byte for its length.
//
// Whatever it is, the dialogue ends in words or goes on, sends at most one command for each line of
// QEMU, and never set_link before it was greeted.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "switch/control/guests/qmp_dialogue.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void Converse(std::string_view input) {
  QmpDialogue dialogue("net0", false);
  std::string sent;
  while (!input.empty()) {
    const size_t size = std::min<size_t>(static_cast<uint8_t>(input.front()), input.size() - 1);
    dialogue.Receive(input.substr(1, size));
    input.remove_prefix(1 + size);
    sent += dialogue.TakeOutput();
  }
  const bool has_set = sent.find("set_link") != std::string::npos;
  Require(std::count(sent.begin(), sent.end(), '\n') <= 2);
  Require(!has_set || sent.starts_with("{\"execute\":\"qmp_capabilities\"}\n"));
  if (!dialogue.result()) return;
  Require(dialogue.result()->ok() ? has_set : !dialogue.result()->message().empty());
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tapswitch::Converse(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
