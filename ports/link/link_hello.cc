#include "ports/link/link_hello.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"
#include "ports/option_keys.h"
#include "ports/os/text.h"
#include "spdlog/fmt/fmt.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

// Numbers are in network byte order. The version is counted up when older ones would go wrong.
constexpr uint64_t kMagic = 0x7461'7073'6c69'6e6b;  // "tapslink"
constexpr uint16_t kVersion = 1;
constexpr size_t kVersionAt = 8;
constexpr size_t kAnswerAt = 10;
constexpr size_t kHeaderSizeAt = 11;
constexpr size_t kMtuAt = 12;
constexpr size_t kBridgeAt = 16;
constexpr size_t kPortAt = 32;
constexpr size_t kNameSize = 16;  // with at least one zero behind the name
static_assert(kPortAt + kNameSize == kLinkHelloSize);

constexpr unsigned kHalf = 32;

void StoreName(std::string_view name, std::byte* at) {
  std::memcpy(at, name.data(), std::min(name.size(), kNameSize - 1));
}

std::string LoadName(const std::byte* at) {
  const auto* const text = reinterpret_cast<const char*>(at);
  return {text, strnlen(text, kNameSize)};
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() < kNameSize && IsUtf8(name);
}

absl::Status BadHello(std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("the other end is no link port: {}", problem));
}

}  // namespace

std::string DescribeLinkEnd(const LinkHello& hello) {
  return fmt::format("switch {} port {}", Escaped(hello.bridge), Escaped(hello.port));
}

std::array<std::byte, kLinkHelloSize> StoreLinkHello(const LinkHello& hello) {
  std::array<std::byte, kLinkHelloSize> message{};
  StoreBe32(message.data(), static_cast<uint32_t>(kMagic >> kHalf));
  StoreBe32(&message[sizeof(uint32_t)], static_cast<uint32_t>(kMagic));
  StoreBe16(&message[kVersionAt], kVersion);
  message[kAnswerAt] = static_cast<std::byte>(hello.answer);
  message[kHeaderSizeAt] = static_cast<std::byte>(kVirtioNetHeaderSize);
  StoreBe32(&message[kMtuAt], hello.mtu);
  StoreName(hello.bridge, &message[kBridgeAt]);
  StoreName(hello.port, &message[kPortAt]);
  return message;
}

absl::StatusOr<LinkHello> ParseLinkHello(std::span<const std::byte> message) {
  if (message.size() < kLinkHelloSize) return BadHello("its first message is too short");
  const std::byte* const at = message.data();
  const uint64_t magic = uint64_t{LoadBe32(at)} << kHalf | LoadBe32(at + sizeof(uint32_t));
  if (magic != kMagic) return BadHello("its first message is of another kind");
  const uint16_t version = LoadBe16(at + kVersionAt);
  const auto header_size = std::to_integer<size_t>(at[kHeaderSizeAt]);
  if (version != kVersion || header_size != kVirtioNetHeaderSize) {
    return absl::InvalidArgumentError(
        fmt::format("the other end speaks version {} of links, and this one version {}: run the "
                    "same tapswitchd at both",
                    version, kVersion));
  }
  LinkHello hello{.answer = static_cast<LinkHello::Answer>(at[kAnswerAt]),
                  .mtu = LoadBe32(at + kMtuAt),
                  .bridge = LoadName(at + kBridgeAt),
                  .port = LoadName(at + kPortAt)};
  if (hello.answer > LinkHello::Answer::kTaken) return BadHello("its answer is unknown");
  if (hello.mtu < kLeastMtu || hello.mtu > kMostMtu) return BadHello("its MTU is out of range");
  if (!IsName(hello.bridge) || !IsName(hello.port)) return BadHello("it has no names");
  return hello;
}

}  // namespace tapswitch
