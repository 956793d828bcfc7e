#include "switch/handover/handover_files.h"

#include <utility>

#include "absl/status/status.h"

namespace tapswitch {

using nlohmann::json;

size_t AddFile(OutgoingMessage& message, const FileDescriptor& file) {
  message.files.push_back(file.get());
  return message.files.size() - 1;
}

json HandedFilesToJson(const PortHandover& handover, OutgoingMessage& message) {
  json files = json::object();
  for (const auto& [name, file] : handover.files) {
    if (file.valid()) files[name] = AddFile(message, file);
  }
  json numbers = json::object();
  for (const auto& [name, number] : handover.numbers) numbers[name] = number;
  return {{"files", std::move(files)}, {"numbers", std::move(numbers)}};
}

FileDescriptor FileReader::Take(JsonFields& fields, std::string_view key) {
  if (!fields.has(key)) return {};
  const uint64_t number = fields.Number(key);
  if (number < files_.size() && files_[number].valid()) return std::move(files_[number]);
  fields.Note(absl::InvalidArgumentError("the state has a bad number of a file"));
  return {};
}

PortHandover FileReader::TakeAll(JsonFields& fields) {
  PortHandover handover;
  const json& files = fields.Object("files");
  JsonFields named(files);
  for (const auto& [name, number] : files.items()) {
    handover.files.insert_or_assign(name, Take(named, name));
  }
  const json& numbers = fields.Object("numbers");
  JsonFields counted(numbers);
  for (const auto& [name, number] : numbers.items()) {
    handover.numbers.insert_or_assign(name, counted.Number(name));
  }
  fields.Note(named.status());
  fields.Note(counted.status());
  return handover;
}

}  // namespace tapswitch
