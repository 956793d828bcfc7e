// Fuzzes what a switch and whoever keeps its files for it read of each other, and the state of a
// dead switch: whatever it is, it is refused or understood, and what was understood is the same
// once it has been written and read again. The first byte says which of these it is, the second how
// many files come with it.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "switch/keeper/keeper_message.h"
#include "switch/keeper/state_memory.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

std::vector<FileDescriptor> OpenFiles(size_t count) {
  std::vector<FileDescriptor> files;
  while (files.size() < count) files.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return files;
}

// As the other process gets it.
DescriptorChannel::Message Receive(const OutgoingMessage& sent) {
  DescriptorChannel::Message message{.text = sent.text, .files = {}};
  for (const int file : sent.files) message.files.emplace_back(fcntl(file, F_DUPFD_CLOEXEC, 0));
  return message;
}

void CheckCall(const std::string& text, size_t files) {
  const auto call = DecodeCall({.text = text, .files = OpenFiles(files)});
  if (!call.ok()) return;
  const auto again = DecodeCall(Receive(EncodeCall(*call)));
  Require(again.ok() && again->kind == call->kind && again->part == call->part);
  Require(again->files.files.size() == call->files.files.size());
}

void CheckAnswer(const std::string& text, size_t files) {
  const auto answer = DecodeKeeperAnswer({.text = text, .files = OpenFiles(files)});
  if (!answer.ok()) return;
  const auto again =
      DecodeKeeperAnswer(Receive(EncodeKeeperAnswer(answer->parts, answer->died_at)));
  Require(again.ok() && again->died_at == answer->died_at);
  Require(again->parts.size() == answer->parts.size());
}

// Both files have the bytes, one of them with one bit changed.
void CheckState(std::string bytes, size_t changed) {
  PortHandover from;
  for (const char* const name : {"state0", "state1"}) {
    FileDescriptor file(memfd_create(name, MFD_CLOEXEC));
    Require(file.valid());
    static_cast<void>(write(file.get(), bytes.data(), bytes.size()));
    Require(from.AddCopy(name, file.get()));
    if (!bytes.empty()) bytes[changed % bytes.size()] ^= 1;
  }
  const auto content = StateMemory::Read(from);
  Require(!content || content->text.size() <= bytes.size());
  static_cast<void>(StateMemory::CountAttempt(from));
}

// What was written last is what is read, though the file before it has been scribbled on.
void CheckWritten(std::string_view text, std::string_view scribble) {
  auto memory = StateMemory::Create();
  Require(memory.ok());
  Require(memory->Write(scribble).ok() && memory->Write(text).ok());
  PortHandover from;
  Require(memory->HandOver(from));
  // The first text is in state1, as it has the number 1.
  static_cast<void>(
      pwrite(from.files.find("state1")->second.get(), scribble.data(), scribble.size(), 0));
  const auto content = StateMemory::Read(from);
  Require(content && content->text == text);
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t files = data[1] % 16U;
  switch (data[0] % 4U) {
    case 0:
      tapswitch::CheckCall(text, files);
      break;
    case 1:
      tapswitch::CheckAnswer(text, files);
      break;
    case 2:
      tapswitch::CheckState(text, data[1]);
      break;
    default:
      tapswitch::CheckWritten(text, std::string_view(text).substr(text.size() / 2));
  }
  return 0;
}
