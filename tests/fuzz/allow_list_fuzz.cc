// Frames of a guest against an allow list: whatever they claim, nothing is read beyond them.

#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/guards/allow_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tapswitch;
  constexpr MacAddress kStation = MacAddress::FromNumber(0x020000000001);
  static const AllowList list({{kStation, {0x0A000001}, {{0xFD00000000000000, 1}}}});
  const auto frame = std::as_bytes(std::span(data, size));
  auto header = ParseHeader(frame);
  if (!header.has_value()) return 0;
  header->source = kStation;
  static_cast<void>(list.Allows(*header, frame));
  return 0;
}
