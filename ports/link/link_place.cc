#include "ports/link/link_place.h"

#include <algorithm>

#include "ports/os/control_folders.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

std::string LinkSocketPath(std::string_view control_socket, std::string_view port) {
  return fmt::format("{}:{}", control_socket, port);
}

std::vector<std::string> LinkSocketPaths(const LinkTarget& target, const LinkPlace& own) {
  if (target.is_path()) return {LinkSocketPath(target.bridge, target.port)};
  std::vector<std::string> folders = ControlFolders();
  const size_t slash = own.control_socket.rfind('/');
  if (slash != std::string::npos) folders.push_back(own.control_socket.substr(0, slash));
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    std::string path = LinkSocketPath(ControlSocketPath(folder, target.bridge), target.port);
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) {
      paths.push_back(std::move(path));
    }
  }
  return paths;
}

}  // namespace tapswitch
