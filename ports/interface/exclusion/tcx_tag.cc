#include "ports/interface/exclusion/tcx_tag.h"

#include <linux/bpf.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>

#include "absl/status/status.h"
#include "ports/interface/exclusion/bpf_code.h"
#include "ports/interface/exclusion/bpf_link.h"

namespace tapswitch {
namespace {

// Newer than Debian 12's headers (uapi linux/bpf.h).
constexpr int kTcxNext = -1;     // TCX_NEXT
constexpr int kVerdictDrop = 2;  // TCX_DROP

static_assert(std::endian::native == std::endian::little);
constexpr int kVlanInNetworkOrder = 0x0081;         // 0x8100
constexpr int kServiceVlanInNetworkOrder = 0xa888;  // 0x88a8

using namespace bpf_code;

FileDescriptor LoadTagMover(uint32_t mark) {
  constexpr int16_t kMark = offsetof(__sk_buff, mark);
  constexpr int kTagAt = 12;
  constexpr int kTagSize = 4;
  constexpr int16_t kType = -8;  // on the stack
  constexpr int16_t kValue = kType + 2;
  const std::array program{
      Move(BPF_REG_6, BPF_REG_1),
      Load(BPF_W, BPF_REG_0, BPF_REG_6, kMark),
      JumpIf(BPF_JNE, BPF_REG_0, static_cast<int>(mark), 22),
      Set(BPF_REG_0, 0),
      Store(BPF_W, BPF_REG_6, kMark, BPF_REG_0),
      // The four bytes behind the addresses may be a tag.
      Move(BPF_REG_1, BPF_REG_6),
      Set(BPF_REG_2, kTagAt),
      Move(BPF_REG_3, BPF_REG_10),
      Add(BPF_REG_3, kType),
      Set(BPF_REG_4, kTagSize),
      Call(BPF_FUNC_skb_load_bytes),
      JumpIf(BPF_JNE, BPF_REG_0, 0, 13),
      Load(BPF_H, BPF_REG_7, BPF_REG_10, kType),
      JumpIf(BPF_JEQ, BPF_REG_7, kVlanInNetworkOrder, 1),
      JumpIf(BPF_JNE, BPF_REG_7, kServiceVlanInNetworkOrder, 10),
      Load(BPF_H, BPF_REG_8, BPF_REG_10, kValue),
      SwapBytes(BPF_REG_8, 16),
      // Out of the bytes, and back beside them.
      Move(BPF_REG_1, BPF_REG_6),
      Call(BPF_FUNC_skb_vlan_pop),
      JumpIf(BPF_JNE, BPF_REG_0, 0, 5),
      Move(BPF_REG_1, BPF_REG_6),
      Move(BPF_REG_2, BPF_REG_7),
      Move(BPF_REG_3, BPF_REG_8),
      Call(BPF_FUNC_skb_vlan_push),
      JumpIf(BPF_JNE, BPF_REG_0, 0, 2),
      Set(BPF_REG_0, kTcxNext),
      Exit(),
      Set(BPF_REG_0, kVerdictDrop),  // rather than without its tag
      Exit(),
  };
  return LoadProgram({.type = BPF_PROG_TYPE_SCHED_CLS, .code = program});
}

}  // namespace

absl::StatusOr<FileDescriptor> AttachTagMover(const NetworkNamespace& netns, int ifindex,
                                              uint32_t mark) {
  const FileDescriptor program = LoadTagMover(mark);
  if (!program.valid()) return absl::ErrnoToStatus(errno, "loading a BPF program");
  return LinkProgram(netns, program,
                     {.ifindex = ifindex, .attach_type = kTcxEgress, .flags = kTcxBefore});
}

}  // namespace tapswitch
