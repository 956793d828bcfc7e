#include "ports/interface/exclusion/tcx_link.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "ports/interface/exclusion/bpf_link.h"

namespace tapswitch {
namespace {

// The program of the kernel's forwarding (fastpath/forward.bpf.c).
constexpr std::string_view kCarrierName = "tapswitch_carry";

// What is looked at of the programs of one interface; the kernel allows 64.
constexpr uint32_t kMostPrograms = 64;

// The numbers of the programs at the ingress of an interface, where the thread is.
std::vector<uint32_t> ListPrograms(int ifindex) {
  std::vector<uint32_t> ids(kMostPrograms);
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<uint32_t>(ifindex);  // target_ifindex, in newer headers
  attributes.query.attach_type = kTcxIngress;
  attributes.query.prog_ids = reinterpret_cast<uintptr_t>(ids.data());
  attributes.query.prog_cnt = kMostPrograms;
  if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof(attributes)) != 0) return {};
  ids.resize(std::min(attributes.query.prog_cnt, kMostPrograms));
  return ids;
}

bool IsDropProgram(uint32_t id) {
  bpf_attr open{};
  open.prog_id = id;
  const FileDescriptor program = Bpf(BPF_PROG_GET_FD_BY_ID, open);
  if (!program.valid()) return false;
  bpf_prog_info info{};
  bpf_attr ask{};
  ask.info.bpf_fd = static_cast<uint32_t>(program.get());
  ask.info.info_len = sizeof(info);
  ask.info.info = reinterpret_cast<uintptr_t>(&info);
  if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof(ask)) != 0) return false;
  const std::string_view name(info.name, strnlen(info.name, sizeof(info.name)));
  return name == kTcxDropName || name == kCarrierName;
}

struct Programs {
  size_t drops = 0;  // of switches
  size_t others = 0;
};

Programs CountPrograms(const NetworkNamespace& netns, int ifindex) {
  Programs found;
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return found;
  for (const uint32_t id : ListPrograms(ifindex))
    ++(IsDropProgram(id) ? found.drops : found.others);
  return found;
}

}  // namespace

bool HasTcxDrop(const NetworkNamespace& netns, int ifindex) {
  return CountPrograms(netns, ifindex).drops > 0;
}

size_t CountOtherTcxPrograms(const NetworkNamespace& netns, int ifindex) {
  return CountPrograms(netns, ifindex).others;
}

absl::StatusOr<FileDescriptor> AttachTcxDrop(const NetworkNamespace& netns, int ifindex) {
  constexpr auto kDrop = ReturnOf(kTcxDrop);
  const FileDescriptor program =
      LoadProgram({.type = BPF_PROG_TYPE_SCHED_CLS, .code = kDrop, .name = kTcxDropName});
  if (!program.valid()) return absl::ErrnoToStatus(errno, "loading a BPF program");
  return AttachTcx(netns, ifindex, program);
}

absl::StatusOr<FileDescriptor> AttachTcx(const NetworkNamespace& netns, int ifindex,
                                         const FileDescriptor& program) {
  return LinkProgram(netns, program,
                     {.ifindex = ifindex, .attach_type = kTcxIngress, .flags = kTcxBefore});
}

}  // namespace tapswitch
