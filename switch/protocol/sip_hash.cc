#include "switch/protocol/sip_hash.h"

#include <bit>

namespace tapswitch {
namespace {

constexpr size_t kWord = 8;

struct State {
  uint64_t v0, v1, v2, v3;

  explicit State(SipKey key)
      : v0(key.low ^ 0x736f6d6570736575U),
        v1(key.high ^ 0x646f72616e646f6dU),
        v2(key.low ^ 0x6c7967656e657261U),
        v3(key.high ^ 0x7465646279746573U) {}

  void Rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }

  void Take(uint64_t word) {
    v3 ^= word;
    Rounds(2);
    v0 ^= word;
  }
};

// Little endian; what is missing of a word is zero.
uint64_t LoadWord(std::span<const std::byte> bytes) {
  uint64_t word = 0;
  for (size_t i = bytes.size(); i-- > 0;) word = (word << 8U) | static_cast<uint64_t>(bytes[i]);
  return word;
}

}  // namespace

uint64_t SipHash(SipKey key, std::span<const std::byte> message) {
  State state(key);
  const uint64_t length = message.size();
  for (; message.size() >= kWord; message = message.subspan(kWord)) {
    state.Take(LoadWord(message.first(kWord)));
  }
  state.Take(LoadWord(message) | (length << 56U));
  state.v2 ^= 0xFFU;
  state.Rounds(4);
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace tapswitch
