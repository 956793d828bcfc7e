#include "ports/tcx_link.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"

namespace tapswitch {
namespace {

// Newer than Debian 12's headers (uapi linux/bpf.h).
constexpr uint32_t kTcxIngress = 46;    // BPF_TCX_INGRESS
constexpr int kTcxDrop = 2;             // TCX_DROP
constexpr uint32_t kBefore = 1U << 3U;  // BPF_F_BEFORE

// Returns the new file, or an empty one and errno.
FileDescriptor Bpf(bpf_cmd command, bpf_attr& attributes) {
  return FileDescriptor(
      static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof(attributes))));
}

FileDescriptor LoadDropProgram() {
  constexpr std::array<bpf_insn, 2> kProgram{{
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = kTcxDrop},
      {.code = BPF_JMP | BPF_EXIT},
  }};
  constexpr const char* kLicense = "Apache-2.0";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<uintptr_t>(kProgram.data());
  attributes.insn_cnt = kProgram.size();
  attributes.license = reinterpret_cast<uintptr_t>(kLicense);
  return Bpf(BPF_PROG_LOAD, attributes);
}

}  // namespace

absl::StatusOr<FileDescriptor> AttachTcxDrop(const NetworkNamespace& netns, int ifindex) {
  const FileDescriptor program = LoadDropProgram();
  if (!program.valid()) return absl::ErrnoToStatus(errno, "loading a BPF program");
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<uint32_t>(program.get());
  attributes.link_create.target_ifindex = static_cast<uint32_t>(ifindex);
  attributes.link_create.attach_type = kTcxIngress;
  attributes.link_create.flags = kBefore;
  FileDescriptor link = Bpf(BPF_LINK_CREATE, attributes);
  if (!link.valid()) return absl::ErrnoToStatus(errno, "attaching a BPF program");
  return link;
}

}  // namespace tapswitch
