#include "switch/forwarding/wire/ethernet.h"

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

constexpr size_t kTextSize = 3 * kMacAddressSize - 1;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::optional<uint64_t> HexDigit(char digit) {
  const char lower = (digit >= 'A' && digit <= 'F') ? static_cast<char>(digit - 'A' + 'a') : digit;
  const size_t value = kHexDigits.find(lower);
  if (value == std::string_view::npos) return std::nullopt;
  return value;
}

}  // namespace

std::optional<MacAddress> MacAddress::Parse(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  uint64_t value = 0;
  for (size_t i = 0; i < kTextSize; i += 3) {
    const auto high = HexDigit(text[i]);
    const auto low = HexDigit(text[i + 1]);
    if (!high || !low) return std::nullopt;
    const bool is_last = i + 2 == kTextSize;
    if (!is_last && text[i + 2] != ':' && text[i + 2] != '-') return std::nullopt;
    value = (value << 8U) | (*high << 4U) | *low;
  }
  return MacAddress(value);
}

std::array<std::byte, kMacAddressSize> MacAddress::bytes() const {
  std::array<std::byte, kMacAddressSize> result{};
  StoreBe48(result.data(), value_);
  return result;
}

std::string MacAddress::ToString() const {
  std::string text;
  AppendTo(text);
  return text;
}

void MacAddress::AppendTo(std::string& text) const {
  std::array<char, kTextSize> shown{};
  shown.fill(':');
  for (size_t i = 0; i < kMacAddressSize; ++i) {
    const auto octet = static_cast<size_t>(value_ >> (40 - 8 * i)) & 0xFFU;
    shown[3 * i] = kHexDigits[octet >> 4U];
    shown[3 * i + 1] = kHexDigits[octet & 0xFU];
  }
  text.append(shown.data(), shown.size());
}

}  // namespace tapswitch
