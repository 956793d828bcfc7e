// BPF programs that do nothing but return a value, and their attachment to interfaces: bpf(2) without
// a library.

#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "ports/file_descriptor.h"
#include "ports/netns.h"

namespace tapswitch {

// The system call. Returns the new file, or an empty one and errno.
[[nodiscard]] FileDescriptor Bpf(bpf_cmd command, bpf_attr& attributes);

struct ConstantProgram {
  bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
  int result = 0;           // what it returns for each frame
  std::string_view name{};  // the kernel keeps 15 characters
  uint32_t flags = 0;       // BPF_F_*
};

// Loads a program. Returns the new file, or an empty one and errno. Requires CAP_BPF and
// CAP_NET_ADMIN.
[[nodiscard]] FileDescriptor LoadProgram(const ConstantProgram& program);

// Where at an interface a program is to be.
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
