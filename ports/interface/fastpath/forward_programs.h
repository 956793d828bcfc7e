// The programs and maps of forward.bpf.c, in the kernel.

#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct ForwardPrograms {
  FileDescriptor decide;  // for SO_ATTACH_BPF
  FileDescriptor carry;   // for the ingress of an interface, by TCX or clsact
  FileDescriptor tap;     // for the egress of a TAP, by TCX
  FileDescriptor flows;
  FileDescriptor interfaces;
  FileDescriptor generations;
  FileDescriptor seats;
  FileDescriptor cells;
  FileDescriptor settings;
};

// Whether this build has them.
[[nodiscard]] bool HasForwardPrograms();

// Loads them; `mark` is tapswitch_constants::mark. Requires CAP_BPF and CAP_NET_ADMIN; nothing that
// is done with them later does. Unimplemented in a build without them. The message is for people.
[[nodiscard]] absl::StatusOr<ForwardPrograms> LoadForwardPrograms(uint32_t mark);

// A number that differs where the programs or their maps do; 0 in a build without them.
[[nodiscard]] uint64_t ForwardProgramsId();

}  // namespace tapswitch
