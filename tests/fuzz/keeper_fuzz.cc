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
#include "switch/keeper/sealed_state.h"

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

// All files have the bytes, each with another bit changed, but for the first.
void CheckState(std::string bytes, size_t changed) {
  KeptParts parts;
  const std::pair<const char*, const char*> places[] = {{kStateParts[0], kStateFile},
                                                        {kStateParts[1], kStateFile},
                                                        {kBridgePart, "state0"},
                                                        {kBridgePart, kAttemptsFile}};
  for (const auto& [part, name] : places) {
    FileDescriptor file(memfd_create(name, MFD_CLOEXEC));
    Require(file.valid());
    static_cast<void>(write(file.get(), bytes.data(), bytes.size()));
    parts[part].files.insert_or_assign(name, std::move(file));
    if (!bytes.empty()) bytes[changed++ % bytes.size()] ^= 1;
  }
  const auto kept = ReadKeptText(parts);
  Require(!kept || kept->text.size() <= bytes.size());
  static_cast<void>(CountAttempt(parts));
}

// The text that was written last is read, though something else is where the one before it was.
void CheckWritten(std::string_view text, std::string_view scribble) {
  KeptParts parts;
  auto sealed = SealState(text, 2);
  Require(sealed.ok());
  parts[kStateParts[0]].files.insert_or_assign(kStateFile, *std::move(sealed));
  FileDescriptor other(memfd_create("other", MFD_CLOEXEC));
  Require(other.valid());
  static_cast<void>(write(other.get(), scribble.data(), scribble.size()));
  parts[kStateParts[1]].files.insert_or_assign(kStateFile, std::move(other));
  const auto kept = ReadKeptText(parts);
  Require(kept && kept->text == text);
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
