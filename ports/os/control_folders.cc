#include "ports/os/control_folders.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The XDG Base Directory Specification: "The directory MUST be owned by the user". It is not where
// somebody has become another user and kept the environment.
bool IsOwn(const char* folder) {
  struct stat found {};
  return stat(folder, &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid();
}

}  // namespace

std::vector<std::string> ControlFolders() {
  std::vector<std::string> folders;
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  if (geteuid() != 0 && runtime != nullptr && *runtime == '/' && IsOwn(runtime)) {
    folders.push_back(fmt::format("{}/tapswitch", runtime));
  }
  folders.emplace_back("/run/tapswitch");
  return folders;
}

std::string ControlSocketPath(std::string_view folder, std::string_view name) {
  return fmt::format("{}/{}.sock", folder, name);
}

}  // namespace tapswitch
