#include "ports/interface/exclusion/bpf_link.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"

namespace tapswitch {

FileDescriptor Bpf(bpf_cmd command, bpf_attr& attributes) {
  return FileDescriptor(
      static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof(attributes))));
}

FileDescriptor LoadProgram(const BpfProgram& program) {
  constexpr const char* kLicense = "Apache-2.0";
  bpf_attr attributes{};
  attributes.prog_type = program.type;
  attributes.insns = reinterpret_cast<uintptr_t>(program.code.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.code.size());
  attributes.license = reinterpret_cast<uintptr_t>(kLicense);
  attributes.prog_flags = program.flags;
  program.name.copy(attributes.prog_name, sizeof(attributes.prog_name) - 1);
  return Bpf(BPF_PROG_LOAD, attributes);
}

absl::StatusOr<FileDescriptor> LinkProgram(const NetworkNamespace& netns,
                                           const FileDescriptor& program,
                                           const ProgramPlace& place) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<uint32_t>(program.get());
  attributes.link_create.target_ifindex = static_cast<uint32_t>(place.ifindex);
  attributes.link_create.attach_type = place.attach_type;
  attributes.link_create.flags = place.flags;
  FileDescriptor link = Bpf(BPF_LINK_CREATE, attributes);
  if (link.valid()) return link;
  if (errno == EBUSY) return absl::AlreadyExistsError("another BPF program is attached");
  return absl::ErrnoToStatus(errno, "attaching a BPF program");
}

}  // namespace tapswitch
