#include "ports/file_options.h"

#include <charconv>

#include "absl/status/status.h"
#include "ports/os/unix/unix_listener.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::StatusOr<std::string> ReadSocketPath(const PortOption& option) {
  auto path = ReadText(option);
  if (!path.ok()) return path;
  if (!path->starts_with('/')) {
    return absl::InvalidArgumentError(
        fmt::format("{}={}: write the path in full, beginning with '/'", option.key, *path));
  }
  const absl::Status fits = UnixListener::CheckPath(option.key, *path);
  return fits.ok() ? path : absl::StatusOr<std::string>(fits);
}

absl::StatusOr<mode_t> ReadPermissions(const PortOption& option) {
  const std::string text = option.value.value_or("");
  constexpr int kOctal = 8;
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, kOctal);
  if (error == std::errc() && end == text.data() + text.size() && mode <= 0777) return mode;
  return absl::InvalidArgumentError(
      fmt::format("perm={}: expected a file mode in octal, such as 0660", text));
}

}  // namespace tapswitch
