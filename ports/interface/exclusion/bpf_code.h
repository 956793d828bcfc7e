// Instructions of BPF programs, by what they do.

#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstdint>

namespace tapswitch::bpf_code {

[[nodiscard]] constexpr bpf_insn Make(int code, unsigned to, unsigned from, int offset, int value) {
  bpf_insn made{};
  made.code = static_cast<uint8_t>(code);
  made.dst_reg = to & 0xfU;
  made.src_reg = from & 0xfU;
  made.off = static_cast<int16_t>(offset);
  made.imm = value;
  return made;
}
[[nodiscard]] constexpr bpf_insn Move(unsigned to, unsigned from) {
  return Make(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
[[nodiscard]] constexpr bpf_insn Set(unsigned to, int value) {
  return Make(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
[[nodiscard]] constexpr bpf_insn Add(unsigned to, int value) {
  return Make(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}
[[nodiscard]] constexpr bpf_insn Load(int size, unsigned to, unsigned base, int offset) {
  return Make(BPF_LDX | BPF_MEM | size, to, base, offset, 0);
}
[[nodiscard]] constexpr bpf_insn Store(int size, unsigned base, int offset, unsigned from) {
  return Make(BPF_STX | BPF_MEM | size, base, from, offset, 0);
}
[[nodiscard]] constexpr bpf_insn SwapBytes(unsigned of, int bits) {
  return Make(BPF_ALU | BPF_END | BPF_TO_BE, of, 0, 0, bits);
}
[[nodiscard]] constexpr bpf_insn Call(bpf_func_id function) {
  return Make(BPF_JMP | BPF_CALL, 0, 0, 0, function);
}
[[nodiscard]] constexpr bpf_insn Exit() { return Make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }
// Compares the lower 32 bits; `by` counts from the next instruction.
[[nodiscard]] constexpr bpf_insn JumpIf(int condition, unsigned of, int value, int by) {
  return Make(BPF_JMP32 | condition | BPF_K, of, 0, by, value);
}
// Two instructions: the map with this descriptor.
[[nodiscard]] constexpr std::array<bpf_insn, 2> LoadMap(unsigned to, int map) {
  return {Make(BPF_LD | BPF_DW | BPF_IMM, to, BPF_PSEUDO_MAP_FD, 0, map), Make(0, 0, 0, 0, 0)};
}

}  // namespace tapswitch::bpf_code
