// In place of forward_programs.cc in a build without clang or libbpf.

#include "absl/status/status.h"
#include "ports/interface/fastpath/forward_programs.h"

namespace tapswitch {

bool HasForwardPrograms() { return false; }

absl::StatusOr<ForwardPrograms> LoadForwardPrograms(uint32_t /*mark*/) {
  return absl::UnimplementedError("it was built without clang or libbpf");
}

uint64_t ForwardProgramsId() { return 0; }

}  // namespace tapswitch
