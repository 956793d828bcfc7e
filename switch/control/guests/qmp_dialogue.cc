#include "switch/control/guests/qmp_dialogue.h"

#include "ports/os/text.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

using nlohmann::json;

std::string CommandLine(const json& command) { return command.dump() + "\n"; }

// The words of QEMU about an error.
std::string ErrorText(const json& error) {
  const auto text = error.is_object() ? error.find("desc") : error.end();
  const bool is_text = error.is_object() && text != error.end() && text->is_string();
  return is_text ? Escaped(text->get_ref<const std::string&>()) : "an error without words";
}

}  // namespace

QmpDialogue::QmpDialogue(std::string_view id, bool is_up)
    : set_link_{{"execute", "set_link"}, {"arguments", {{"name", id}, {"up", is_up}}}} {}

void QmpDialogue::Receive(std::string_view bytes) {
  received_ += bytes.size();
  while (!bytes.empty() && !result_) {
    const size_t end = bytes.find('\n');
    input_ += bytes.substr(0, end);
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    TakeLine(std::exchange(input_, {}));
  }
  if (!result_ && received_ > kMostReceived) Fail("QEMU says too much");
}

void QmpDialogue::TakeLine(std::string_view line) {
  const json message = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object()) return Fail("that is no QMP socket, or one with pretty=on");
  if (message.contains("event")) return;
  if (awaited_ == Awaited::kGreeting) {
    if (!message.contains("QMP")) return Fail("that is no QMP socket: there is no greeting");
    output_ += CommandLine({{"execute", "qmp_capabilities"}});
    awaited_ = Awaited::kCapabilities;
    return;
  }
  if (const auto error = message.find("error"); error != message.end()) {
    return Fail(fmt::format("QEMU says: {:.200}", ErrorText(*error)));
  }
  if (!message.contains("return")) return Fail("that is no QMP socket: there is no answer");
  TakeReturn();
}

void QmpDialogue::TakeReturn() {
  if (awaited_ == Awaited::kAnswer) {
    result_ = absl::OkStatus();
    return;
  }
  output_ += CommandLine(set_link_);
  awaited_ = Awaited::kAnswer;
}

void QmpDialogue::Fail(std::string_view why) { result_ = absl::UnavailableError(std::string(why)); }

}  // namespace tapswitch
