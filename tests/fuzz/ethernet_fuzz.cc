// Input: a frame. Its header is parsed within its bounds, and says what the bytes say.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void Check(std::span<const std::byte> frame) {
  const auto header = ParseHeader(frame);
  if (!header) {
    Require(frame.size() < kEthernetHeaderSize + kVlanTagSize);
    return;
  }
  Require(header->payload_offset <= frame.size());
  Require(header->payload_offset == kEthernetHeaderSize + (header->tag ? kVlanTagSize : 0));
  Require(std::ranges::equal(header->destination.bytes(), frame.first(kMacAddressSize)));
  Require(
      std::ranges::equal(header->source.bytes(), frame.subspan(kMacAddressSize, kMacAddressSize)));
  Require(!header->tag || (IsVlanTag(header->tag->protocol) && header->tag->vid() < 4096));
  Require(MacAddress::Parse(header->source.ToString()) == header->source);

  // The two parsers of tags agree where there is at most one.
  const auto type = static_cast<EtherType>(header->type_or_length);
  if (IsVlanTag(type)) return;
  Require(LocateNetworkHeader(frame) ==
          NetworkHeader{.type = type, .offset = header->payload_offset});
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tapswitch::Check(std::as_bytes(std::span(data, size)));
  return 0;
}
