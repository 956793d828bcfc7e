#include "tools/tapctl/upgrade.h"

#include <filesystem>
#include <string>

namespace tapswitch {

absl::StatusOr<ControlConnection::Json> RunUpgrade(ControlConnection& connection,
                                                   nlohmann::json params) {
  if (params.contains("program")) {
    const std::filesystem::path program = params.at("program").get<std::string>();
    params["program"] = std::filesystem::absolute(program).lexically_normal().string();
  }
  return connection.Call("bridge.upgrade", params);
}

}  // namespace tapswitch
