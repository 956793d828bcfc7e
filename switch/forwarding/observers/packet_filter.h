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
  // As struct bpf_insn (bpf(4)).
  struct Instruction {
    uint16_t code = 0;
    uint8_t if_true = 0;
    uint8_t if_false = 0;
    uint32_t k = 0;
  };

  // As BPF_MAXINSNS.
  static constexpr size_t kMaxInstructions = 4096;

  // Takes all frames.
  PacketFilter() = default;

  // Nothing unless it is a program that ends whatever the frame is: known instructions, which only
  // jump forward and within it, and a return at the end.
  [[nodiscard]] static std::optional<PacketFilter> Make(std::span<const Instruction> program);

  // What it costs to run it on a frame, at most, in steps of some 3 ns: the longest way through it, as
  // jumps only lead forward. Most instructions of filters are a step, others three. 0 without a program.
  [[nodiscard]] size_t cost() const { return cost_; }

  // Whether it takes the frame. A frame too short for what the program looks at is not taken.
  [[nodiscard]] bool Takes(const WireFrame& frame) const;

 private:
  std::vector<Instruction> program_;
  size_t cost_ = 0;
};

}  // namespace tapswitch
