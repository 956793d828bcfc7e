// The first message of both ends of a link: who they are, and which MTU they take. Pure.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace tapswitch {

inline constexpr size_t kLinkHelloSize = 48;

struct LinkHello {
  enum class Answer : uint8_t {
    kReady = 0,
    kTaken = 1,  // the port has a link with another one; the connection ends
  };

  Answer answer = Answer::kReady;
  uint32_t mtu = 0;    // bytes behind the Ethernet header that it takes
  std::string bridge;  // names of the switch and of its port, 1 to 15 bytes
  std::string port;

  bool operator==(const LinkHello&) const = default;
};

// The text form for people: "switch br1 port trunk". Safe to show, whatever the names are.
[[nodiscard]] std::string DescribeLinkEnd(const LinkHello& hello);

// Names that are longer are cut.
[[nodiscard]] std::array<std::byte, kLinkHelloSize> StoreLinkHello(const LinkHello& hello);

// InvalidArgument, in words for the log, if it is no such message, or of a version that does not
// fit. A longer message is one of a later version that fits, which has added something.
[[nodiscard]] absl::StatusOr<LinkHello> ParseLinkHello(std::span<const std::byte> message);

}  // namespace tapswitch
