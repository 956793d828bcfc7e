// Fuzzes SplitLine and ParseCommand: whatever a line is, it is refused in words, or it becomes a
// request that has all that its command requires.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>

#include "switch/control/commands/batch_reader.h"
#include "switch/control/commands/parse_command.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckRequest(const Request& request) {
  Require(request.command != nullptr && request.params.is_object());
  std::istringstream required{std::string(request.command->required)};
  for (std::string name; required >> name;) Require(request.params.contains(name));
}

void CheckCommand(const absl::StatusOr<std::vector<std::string>>& words) {
  const auto refused = [](const absl::Status& status) {
    Require(status.code() == absl::StatusCode::kInvalidArgument && !status.message().empty());
  };
  if (!words.ok()) return refused(words.status());
  const auto request = ParseCommand(*words);
  if (!request.ok()) return refused(request.status());
  CheckRequest(*request);
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  tapswitch::CheckCommand(tapswitch::SplitLine(text));
  std::istringstream input(text);
  tapswitch::BatchReader batch(input);
  for (int line = 0; const auto words = batch.Next();) {
    tapswitch::Require(batch.line() > line);
    line = batch.line();
    tapswitch::Require(!words->ok() || !(*words)->empty());
    tapswitch::CheckCommand(*words);
  }
  return 0;
}
