#include "tools/tapctl/apply.h"

#include <fstream>
#include <iostream>
#include <string>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/batch_reader.h"

namespace tapswitch {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& name) {
  std::ifstream file;
  if (name != "-") file.open(name);
  std::istream& input = name == "-" ? std::cin : static_cast<std::istream&>(file);
  if (name == "-" || file.is_open()) {
    if (auto text = ReadText(input)) return *std::move(text);
  }
  return absl::InvalidArgumentError(fmt::format("{}: cannot be read", name));
}

}  // namespace

absl::StatusOr<ControlConnection::Json> RunApply(ControlConnection& connection,
                                                 const nlohmann::json& params) {
  nlohmann::json request = params;
  const auto name = params.at("file").get<std::string>();
  auto text = ReadFile(name);
  if (!text.ok()) return text.status();
  request.erase("file");
  request["name"] = name;
  request["text"] = *std::move(text);
  return connection.Call("config.apply", request);
}

}  // namespace tapswitch
