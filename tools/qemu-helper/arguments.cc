#include "tools/qemu-helper/arguments.h"

#include <charconv>
#include <optional>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace tapswitch {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

absl::Status Bad(const std::string& message) { return absl::InvalidArgumentError(message); }

// The name becomes part of a path, so this is more than a courtesy.
absl::Status CheckBridge(std::string_view name) {
  constexpr size_t kLongest = 15;
  bool good = !name.empty() && name.size() <= kLongest && name != "." && name != "..";
  for (const char c : name) good = good && c > ' ' && c < '\x7F' && c != '/' && c != ':';
  if (good) return absl::OkStatus();
  return Bad("--br: a bridge's name has 1 to 15 characters, no '/', ':' or space");
}

absl::StatusOr<int> ParseFd(std::string_view text) {
  int fd = -1;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, fd);
  if (error == std::errc() && at == end && fd >= 0) return fd;
  return Bad("--fd: it is the number of an open Unix socket");
}

// Takes options one by one, with the value in the same argument or in the next.
class ArgumentReader {
 public:
  explicit ArgumentReader(std::span<const std::string_view> arguments) : rest_(arguments) {}

  absl::StatusOr<HelperArguments> Read() {
    while (!rest_.empty()) {
      const std::string_view text = rest_.front();
      rest_ = rest_.subspan(1);
      if (absl::Status read = ReadOne(text); !read.ok()) return read;
    }
    if (read_.help || read_.version) return read_;
    if (read_.fd < 0) return Bad("--fd=N is missing: QEMU gives it");
    if (absl::Status good = CheckBridge(read_.bridge); !good.ok()) return good;
    return read_;
  }

 private:
  absl::Status ReadOne(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = text.substr(equals + 1);
    const bool is_flag = name == "--use-vnet" || name == "--help" || name == "--version";
    if (is_flag && !value) {
      (name == "--use-vnet" ? read_.use_vnet
       : name == "--help"   ? read_.help
                            : read_.version) = true;
      return absl::OkStatus();
    }
    if (name != "--br" && name != "--fd") {
      return Bad("an argument is none of --use-vnet, --br=NAME, --fd=N");
    }
    if (!value) {
      if (rest_.empty()) return Bad(absl::StrCat(View(name), " needs a value"));
      value = rest_.front();
      rest_ = rest_.subspan(1);
    }
    if (name == "--br") {
      read_.bridge = *value;
      return absl::OkStatus();
    }
    const auto fd = ParseFd(*value);
    if (fd.ok()) read_.fd = *fd;
    return fd.status();
  }

  std::span<const std::string_view> rest_;
  HelperArguments read_;
};

}  // namespace

absl::StatusOr<HelperArguments> ParseHelperArguments(std::span<const std::string_view> arguments) {
  return ArgumentReader(arguments).Read();
}

}  // namespace tapswitch
