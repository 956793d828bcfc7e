#include "switch/control/config/guest_place.h"

#include <algorithm>
#include <string_view>

#include "ports/os/text.h"
#include "ports/os/unix/unix_listener.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr size_t kMaxGuestId = 63;

// The rule of QEMU for ids that users give (id_wellformed).
bool IsGuestId(std::string_view id) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto may_follow = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !id.empty() && id.size() <= kMaxGuestId && is_letter(id.front()) &&
         std::all_of(id.begin(), id.end(), may_follow);
}

}  // namespace

absl::Status CheckGuestPlace(const GuestPlace& place) {
  const bool is_printable = Escaped(place.socket) == place.socket;
  if (!place.socket.starts_with('/') || !is_printable) {
    return absl::InvalidArgumentError(fmt::format(
        "qmp '{:.120}': expected the full path of QEMU's QMP socket", Escaped(place.socket)));
  }
  if (absl::Status fits = UnixListener::CheckPath("qmp", place.socket); !fits.ok()) return fits;
  if (!IsGuestId(place.id)) {
    return absl::InvalidArgumentError(
        fmt::format("id '{:.80}': expected that of a -netdev or -device of the guest, a letter and "
                    "then letters, digits, '-', '.' and '_'",
                    Escaped(place.id)));
  }
  return absl::OkStatus();
}

}  // namespace tapswitch
