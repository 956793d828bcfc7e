#include "switch/keeper/service_store.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The manager has taken note by then, or is in trouble itself.
constexpr uint64_t kBarrierMicroseconds = 2'000'000;

absl::Status Explain(int result, const char* what) {
  if (result > 0) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("the service manager does not {}: {}", what, std::strerror(-result)));
}

absl::Status AwaitManager() {
  return Explain(sd_notify_barrier(0, kBarrierMicroseconds), "answer");
}

// Returns whether the manager was told.
bool RemoveFile(const std::string& name) {
  const std::string state = fmt::format("FDSTOREREMOVE=1\nFDNAME={}", name);
  return sd_notify(/*unset_environment=*/0, state.c_str()) > 0;
}

// The name of a stored file; the manager takes ASCII without ':'.
std::string NameOf(std::string_view part, std::string_view file) {
  std::string name = fmt::format("{}/{}", part, file);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c < ' ' || c > '~' || c == ':'; }, '?');
  return name;
}

}  // namespace

bool ServiceStore::IsThere() {
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  const char* const store = std::getenv("FDSTORE");
  return socket != nullptr && *socket != '\0' && store != nullptr && std::atoi(store) > 0;
}

KeptParts ServiceStore::TakeKept() {
  KeptParts parts;
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  for (int i = 0; i < count; ++i) {
    const std::string_view name(names[i]);
    const size_t slash = name.rfind('/');
    if (slash != std::string_view::npos) {  // others are of a unit of sockets
      parts[std::string(name.substr(0, slash))].files.insert_or_assign(
          std::string(name.substr(slash + 1)), FileDescriptor(SD_LISTEN_FDS_START + i));
    }
    std::free(names[i]);  // NOLINT(cppcoreguidelines-no-malloc): sd_listen_fds_with_names(3)
  }
  std::free(names);  // NOLINT(cppcoreguidelines-no-malloc): the same
  return parts;
}

absl::Status ServiceStore::Keep(const std::string& part, PortHandover files) {
  static_cast<void>(Remove(part));
  for (const auto& [file, descriptor] : files.files) {
    const std::string name = NameOf(part, file);
    const int fd = descriptor.get();
    const std::string state = fmt::format("FDSTORE=1\nFDNAME={}\nFDPOLL=0", name);
    absl::Status sent = Explain(
        sd_pid_notify_with_fds(0, /*unset_environment=*/0, state.c_str(), &fd, 1), "keep files");
    if (!sent.ok()) return sent;
    stored_.insert(name);
  }
  return absl::OkStatus();
}

absl::Status ServiceStore::Forget(const std::string& part) {
  return Remove(part) ? AwaitManager() : absl::OkStatus();
}

void ServiceStore::Clear() {
  for (const std::string& name : std::exchange(stored_, {})) {
    static_cast<void>(RemoveFile(name));
  }
  static_cast<void>(AwaitManager());
}

void ServiceStore::End() {
  if (!stored_.empty()) Clear();
}

// Returns whether there were any files.
bool ServiceStore::Remove(const std::string& part) {
  const std::string begin = NameOf(part, "");
  bool removed = false;
  for (auto name = stored_.lower_bound(begin); name != stored_.end() && name->starts_with(begin);
       name = stored_.erase(name)) {
    removed |= RemoveFile(*name);
  }
  return removed;
}

}  // namespace tapswitch
