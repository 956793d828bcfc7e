#include "ports/socket/unix_listeners.h"

#include <utility>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::StatusOr<std::shared_ptr<UnixListener>> UnixListeners::Get(
    const UnixListener::Options& options, FileDescriptor inherited) {
  std::erase_if(by_path_, [](const auto& entry) { return entry.second.listener.expired(); });
  const auto found = by_path_.find(options.path);
  if (found != by_path_.end()) {
    UnixListener::Options same = found->second.options;
    same.what = options.what;
    if (same != options) {
      return absl::InvalidArgumentError(
          fmt::format("{}: {} shares {}, with other perm=, user= or group=: give both the same",
                      options.what, found->second.options.what, options.path));
    }
    if (auto listener = found->second.listener.lock()) return listener;
  }
  auto made = UnixListener::Open(options, std::move(inherited));
  if (!made.ok()) return made.status();
  auto listener = std::make_shared<UnixListener>(*std::move(made));
  by_path_[options.path] = {.listener = listener, .options = options};
  return listener;
}

}  // namespace tapswitch
