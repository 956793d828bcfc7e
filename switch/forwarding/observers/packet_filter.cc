#include "switch/forwarding/observers/packet_filter.h"

#include <algorithm>
#include <array>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {
namespace {

using Instruction = PacketFilter::Instruction;

// The fields of an opcode, as in linux/bpf_common.h.
enum Class : uint16_t { kLd, kLdx, kSt, kStx, kAlu, kJmp, kRet, kMisc };
enum Size : uint16_t { kWord = 0x00, kHalf = 0x08, kByte = 0x10 };
enum Mode : uint16_t {
  kImm = 0x00,
  kAbs = 0x20,
  kInd = 0x40,
  kMem = 0x60,
  kLen = 0x80,
  kMsh = 0xA0,
};
enum Operation : uint16_t {
  kAdd = 0x00,
  kSub = 0x10,
  kMul = 0x20,
  kDiv = 0x30,
  kOr = 0x40,
  kAnd = 0x50,
  kLsh = 0x60,
  kRsh = 0x70,
  kNeg = 0x80,
  kMod = 0x90,
  kXor = 0xA0,
};
enum Jump : uint16_t { kJa = 0x00, kJeq = 0x10, kJgt = 0x20, kJge = 0x30, kJset = 0x40 };
enum Source : uint16_t { kFromX = 0x08, kFromA = 0x10 };
enum Transfer : uint16_t { kTax = 0x00, kTxa = 0x80 };

// Whole codes that programs mostly consist of: loads from the frame at a fixed place, and a
// comparison with a constant.
constexpr uint16_t kLoadWord = 0x20;
constexpr uint16_t kLoadHalf = 0x28;
constexpr uint16_t kLoadByte = 0x30;
constexpr uint16_t kJumpIfEqual = 0x15;

constexpr size_t kCells = 16;  // of scratch memory

constexpr uint16_t ClassOf(uint16_t code) { return code & 0x07U; }
constexpr uint16_t SizeOf(uint16_t code) { return code & 0x18U; }
constexpr uint16_t ModeOf(uint16_t code) { return code & 0xE0U; }
constexpr uint16_t OperationOf(uint16_t code) { return code & 0xF0U; }
constexpr bool IsFromX(uint16_t code) { return (code & kFromX) != 0; }

bool IsGoodLoad(const Instruction& instruction) {
  const uint16_t mode = ModeOf(instruction.code);
  const uint16_t size = SizeOf(instruction.code);
  const bool is_x = ClassOf(instruction.code) == kLdx;
  switch (mode) {
    case kImm:
    case kLen:
      return size == kWord;
    case kMem:
      return size == kWord && instruction.k < kCells;
    case kAbs:
    case kInd:
      return !is_x && (size == kWord || size == kHalf || size == kByte);
    case kMsh:
      return is_x && size == kByte;
    default:
      return false;
  }
}

bool IsGoodArithmetic(const Instruction& instruction) {
  const uint16_t operation = OperationOf(instruction.code);
  const bool divides = operation == kDiv || operation == kMod;
  if (divides && !IsFromX(instruction.code) && instruction.k == 0) return false;
  return operation <= kXor;
}

// Checks an instruction; `left` instructions follow it.
bool IsGoodJump(const Instruction& instruction, size_t left) {
  const uint16_t kind = OperationOf(instruction.code);
  if (kind == kJa) return instruction.k < left;
  return kind <= kJset && instruction.if_true < left && instruction.if_false < left;
}

bool IsGood(const Instruction& instruction, size_t left) {
  if (instruction.code > 0xFF) return false;
  switch (ClassOf(instruction.code)) {
    case kLd:
    case kLdx:
      return IsGoodLoad(instruction);
    case kSt:
    case kStx:
      return instruction.code == ClassOf(instruction.code) && instruction.k < kCells;
    case kAlu:
      return IsGoodArithmetic(instruction);
    case kJmp:
      return IsGoodJump(instruction, left);
    case kRet:
      return instruction.code == kRet || instruction.code == kRet + uint16_t{kFromA};
    default:
      return instruction.code == kMisc || instruction.code == kMisc + uint16_t{kTxa};
  }
}

size_t CostOf(const Instruction& now) {
  constexpr size_t kSlow = 3;
  switch (now.code) {
    case kLoadWord:
    case kLoadHalf:
    case kLoadByte:
    case kJumpIfEqual:
      return 1;
    default:
      return ClassOf(now.code) == kRet ? 1 : kSlow;
  }
}

// The number of steps that an instruction costs.
size_t LongestWay(std::span<const Instruction> program) {
  std::vector<size_t> from(program.size());  // each instruction, itself included
  for (size_t at = program.size(); at-- > 0;) {
    const Instruction& now = program[at];
    from[at] = CostOf(now);
    if (ClassOf(now.code) == kRet) continue;
    if (ClassOf(now.code) != kJmp) {
      from[at] += from[at + 1];
    } else if (OperationOf(now.code) == kJa) {
      from[at] += from[at + 1 + now.k];
    } else {
      from[at] += std::max(from[at + 1 + now.if_true], from[at + 1 + now.if_false]);
    }
  }
  return from.front();
}

// Presents a frame as one sequence of bytes, whether it is gathered from pieces or not.
class GatheredBytes {
 public:
  explicit GatheredBytes(const WireFrame& frame) : frame_(frame) {}

  [[nodiscard]] uint32_t length() const { return static_cast<uint32_t>(frame_.size); }

  // Loads kCount bytes in network order, mostly from the first piece. Returns false if the frame is
  // too short.
  template <size_t kCount>
  [[nodiscard]] bool LoadAt(uint32_t at, uint32_t& to) const {
    const Piece& first = frame_.pieces.front();
    const uint64_t offset = uint64_t{at} + kVirtioNetHeaderSize;
    if (offset + kCount <= first.size) {
      const std::byte* const bytes = first.data + offset;
      uint32_t value = 0;
      for (size_t i = 0; i < kCount; ++i) value = (value << 8U) | static_cast<uint32_t>(bytes[i]);
      to = value;
      return true;
    }
    const auto loaded = Load(at, kCount);
    if (loaded) to = *loaded;
    return loaded.has_value();
  }

  // Loads `count` bytes in network order; nothing if the frame is too short.
  [[nodiscard]] std::optional<uint32_t> Load(uint64_t at, size_t count) const {
    if (at + count > frame_.size) return std::nullopt;
    uint64_t offset = at + kVirtioNetHeaderSize;
    auto piece = frame_.pieces.begin();
    uint32_t value = 0;
    for (; count > 0; --count, ++offset) {
      while (offset >= piece->size) {
        offset -= piece->size;
        ++piece;
      }
      value = (value << 8U) | static_cast<uint32_t>(piece->data[offset]);
    }
    return value;
  }

 private:
  const WireFrame& frame_;
};

// One run of a valid program.
class Machine {
 public:
  explicit Machine(const WireFrame& frame) : frame_(frame) {}

  bool Run(std::span<const Instruction> program) {
    for (size_t at = 0;; ++at) {
      const Instruction& now = program[at];
      // Without taking the code apart: three times as fast.
      switch (now.code) {
        case kLoadWord:
          if (!frame_.LoadAt<4>(now.k, a_)) return false;
          continue;
        case kLoadHalf:
          if (!frame_.LoadAt<2>(now.k, a_)) return false;
          continue;
        case kLoadByte:
          if (!frame_.LoadAt<1>(now.k, a_)) return false;
          continue;
        case kJumpIfEqual:
          at += a_ == now.k ? now.if_true : now.if_false;
          continue;
        default:
          break;
      }
      switch (ClassOf(now.code)) {
        case kLd:
        case kLdx:
          if (!Load(now)) return false;
          break;
        case kSt:
          cells_[now.k] = a_;
          break;
        case kStx:
          cells_[now.k] = x_;
          break;
        case kAlu:
          if (!Calculate(OperationOf(now.code), IsFromX(now.code) ? x_ : now.k)) return false;
          break;
        case kJmp:
          at += Distance(now);
          break;
        case kRet:
          return ((now.code & kFromA) != 0 ? a_ : now.k) != 0;
        default:
          (now.code & kTxa) != 0 ? a_ = x_ : x_ = a_;
      }
    }
  }

 private:
  bool Load(const Instruction& now) {
    uint32_t& to = ClassOf(now.code) == kLdx ? x_ : a_;
    std::optional<uint32_t> value;
    switch (ModeOf(now.code)) {
      case kImm:
        value = now.k;
        break;
      case kMem:
        value = cells_[now.k];
        break;
      case kLen:
        value = frame_.length();
        break;
      case kMsh:  // the length of an IPv4 header
        value = frame_.Load(now.k, 1);
        if (value) value = (*value & 0xFU) << 2U;
        break;
      default: {
        const uint64_t base = ModeOf(now.code) == kInd ? x_ : 0;
        const uint16_t size = SizeOf(now.code);
        value = frame_.Load(base + now.k, size == kWord ? 4 : size == kHalf ? 2 : 1);
      }
    }
    if (value) to = *value;
    return value.has_value();
  }

  // False when it cannot be done.
  bool Calculate(uint16_t operation, uint32_t by) {
    switch (operation) {
      case kAdd:
        a_ += by;
        break;
      case kSub:
        a_ -= by;
        break;
      case kMul:
        a_ *= by;
        break;
      case kDiv:
        if (by == 0) return false;
        a_ /= by;
        break;
      case kMod:
        if (by == 0) return false;
        a_ %= by;
        break;
      case kOr:
        a_ |= by;
        break;
      case kAnd:
        a_ &= by;
        break;
      case kXor:
        a_ ^= by;
        break;
      case kLsh:
        a_ = by < 32 ? a_ << by : 0;
        break;
      case kRsh:
        a_ = by < 32 ? a_ >> by : 0;
        break;
      default:
        a_ = 0 - a_;
    }
    return true;
  }

  [[nodiscard]] uint32_t Distance(const Instruction& now) const {
    const uint32_t with = IsFromX(now.code) ? x_ : now.k;
    bool holds = false;
    switch (OperationOf(now.code)) {
      case kJa:
        return now.k;
      case kJeq:
        holds = a_ == with;
        break;
      case kJgt:
        holds = a_ > with;
        break;
      case kJge:
        holds = a_ >= with;
        break;
      default:
        holds = (a_ & with) != 0;
    }
    return holds ? now.if_true : now.if_false;
  }

  GatheredBytes frame_;
  uint32_t a_ = 0;
  uint32_t x_ = 0;
  std::array<uint32_t, kCells> cells_{};
};

}  // namespace

std::optional<PacketFilter> PacketFilter::Make(std::span<const Instruction> program) {
  if (program.empty() || program.size() > kMaxInstructions) return std::nullopt;
  if (ClassOf(program.back().code) != kRet) return std::nullopt;
  for (size_t i = 0; i < program.size(); ++i) {
    if (!IsGood(program[i], program.size() - 1 - i)) return std::nullopt;
  }
  PacketFilter filter;
  filter.program_.assign(program.begin(), program.end());
  filter.cost_ = LongestWay(program);
  return filter;
}

bool PacketFilter::Takes(const WireFrame& frame) const {
  return program_.empty() || Machine(frame).Run(program_);
}

}  // namespace tapswitch
