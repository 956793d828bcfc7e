// The text form of a port, `[TYPE:]NAME[,KEY[=VALUE]]...`, taken apart. What the keys of a type
// mean is that type's business; reading them by the functions below makes their errors read alike.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapswitch {

struct PortOption {
  std::string key;
  std::optional<std::string> value;  // nothing for a bare KEY

  bool operator==(const PortOption&) const = default;
};

// The type of a port whose text names none.
inline constexpr std::string_view kDefaultPortType = "tap";

struct PortSpec {
  std::string type = std::string(kDefaultPortType);
  std::string name;
  std::vector<PortOption> options;  // in the order given

  bool operator==(const PortSpec&) const = default;
};

// Values hold no ',', as nothing quotes it. InvalidArgument names the part that is wrong; a key
// that is given twice is one, but for those that are lists (address, gateway, route). Types and
// keys are not judged here.
[[nodiscard]] absl::StatusOr<PortSpec> ParsePortSpec(std::string_view text);

// The text that ParsePortSpec takes apart; a type that is the default is left out of it.
[[nodiscard]] std::string SpecText(const PortSpec& spec);

// The `KEY[=VALUE][,KEY[=VALUE]]...` part by itself. InvalidArgument as above.
[[nodiscard]] absl::StatusOr<std::vector<PortOption>> ParsePortOptions(std::string_view text);

// The kernel's rule (net/core/dev.c, dev_valid_name): 1 to 15 bytes without '/', ':' and white
// space, neither "." nor "..". Beyond it '%' is refused: where the kernel makes an interface, it
// takes a name with '%' for a pattern.
[[nodiscard]] absl::Status CheckInterfaceName(std::string_view name);

// InvalidArgument for the first key that is not in `known`, with the list of those that are.
[[nodiscard]] absl::Status CheckKeys(const PortSpec& spec, std::span<const std::string_view> known);

// on|off, 1|0; a bare KEY is `on`.
[[nodiscard]] absl::StatusOr<bool> ReadOnOff(const PortOption& option);

// A decimal number within [least, most].
[[nodiscard]] absl::StatusOr<uint32_t> ReadNumber(
    const PortOption& option, uint32_t least = 0,
    uint32_t most = std::numeric_limits<uint32_t>::max());

// Text of at least one byte.
[[nodiscard]] absl::StatusOr<std::string> ReadText(const PortOption& option);

// A user or a group, by its name in the system's databases or by its number.
[[nodiscard]] absl::StatusOr<uid_t> ReadUser(const PortOption& option);
[[nodiscard]] absl::StatusOr<gid_t> ReadGroup(const PortOption& option);

}  // namespace tapswitch
