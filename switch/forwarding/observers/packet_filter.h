// A classic BPF program (Steven McCanne, Van Jacobson: The BSD Packet Filter, 1993), as libpcap
// compiles filter expressions to.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class PacketFilter {
 public:
  // An instruction, with the members of struct bpf_insn (bpf(4)).
  struct Instruction {
    uint16_t code = 0;
    uint8_t if_true = 0;
    uint8_t if_false = 0;
    uint32_t k = 0;
  };

  // The maximum of instructions, equal to BPF_MAXINSNS.
  static constexpr size_t kMaxInstructions = 4096;

  // Makes a filter that accepts all frames.
  PacketFilter() = default;

  // Makes a filter of a program. Returns nothing unless the program ends for any frame: its
  // instructions are known, jump only forward and within it, and the last one returns.
  [[nodiscard]] static std::optional<PacketFilter> Make(std::span<const Instruction> program);

  // The maximal cost of a run, in steps of some 3 ns. It is the cost of the longest way through the
  // program, as jumps only lead forward. Most instructions of filters cost one step, others three.
  // 0 without a program.
  [[nodiscard]] size_t cost() const { return cost_; }

  // Whether the filter accepts the frame. A load beyond the end of the frame rejects it.
  [[nodiscard]] bool Takes(const WireFrame& frame) const;

 private:
  std::vector<Instruction> program_;
  size_t cost_ = 0;
};

}  // namespace tapswitch
