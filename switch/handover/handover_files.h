// Open files in messages: the JSON names each by its number among the files of the message.

#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "ports/port_handover.h"
#include "switch/handover/json_fields.h"

namespace tapswitch {

// A message to be sent; its files are borrowed from what it was made of.
struct OutgoingMessage {
  std::string text;
  std::vector<int> files;
};

// Adds a file to a message. Returns its number there.
size_t AddFile(OutgoingMessage& message, const FileDescriptor& file);

// Adds the files of `handover`. Returns what names them, and the numbers beside them.
[[nodiscard]] nlohmann::json HandedFilesToJson(const PortHandover& handover,
                                               OutgoingMessage& message);

// The files of a message that was received.
class FileReader {
 public:
  explicit FileReader(std::vector<FileDescriptor> files) : files_(std::move(files)) {}

  // Takes the file that a member of an object names. Each can be taken once; an invalid one where
  // there is no such member.
  [[nodiscard]] FileDescriptor Take(JsonFields& fields, std::string_view key);

  // Reads what HandedFilesToJson has made. Errors are those of `fields`.
  [[nodiscard]] PortHandover TakeAll(JsonFields& fields);

 private:
  std::vector<FileDescriptor> files_;
};

}  // namespace tapswitch
