// BPF programs and their attachment to interfaces: bpf(2) without a library.

#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"

namespace tapswitch {

// The system call. Returns the new file, or an empty one and errno.
[[nodiscard]] FileDescriptor Bpf(bpf_cmd command, bpf_attr& attributes);

struct BpfProgram {
  bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
  std::span<const bpf_insn> code{};
  std::string_view name{};  // the kernel keeps 15 characters
  uint32_t flags = 0;       // BPF_F_*
};

// Loads a program. Returns the new file, or an empty one and errno. Requires CAP_BPF and
// CAP_NET_ADMIN.
[[nodiscard]] FileDescriptor LoadProgram(const BpfProgram& program);

// A program that does nothing but return a value.
[[nodiscard]] constexpr std::array<bpf_insn, 2> ReturnOf(int value) {
  return {{{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value},
           {.code = BPF_JMP | BPF_EXIT}}};
}

// The places of TCX programs, BPF_TCX_INGRESS and BPF_TCX_EGRESS, and the flag that puts one in
// front of all others, BPF_F_BEFORE: newer than Debian 12's headers (uapi linux/bpf.h).
inline constexpr uint32_t kTcxIngress = 46;
inline constexpr uint32_t kTcxEgress = 47;
inline constexpr uint32_t kTcxBefore = 1U << 3U;

// A place of an interface that programs can be attached to.
struct ProgramPlace {
  int ifindex = 0;
  uint32_t attach_type = 0;  // BPF_*, of bpf_attach_type or newer
  uint32_t flags = 0;        // those of the attach type
};

// Attaches a program to an interface in `netns` for as long as the returned file is open. Requires
// CAP_NET_ADMIN, and CAP_SYS_ADMIN in another namespace than the thread's. AlreadyExists where
// the place can have one program only, and has it (EBUSY).
[[nodiscard]] absl::StatusOr<FileDescriptor> LinkProgram(const NetworkNamespace& netns,
                                                         const FileDescriptor& program,
                                                         const ProgramPlace& place);

}  // namespace tapswitch
