// The kernel's part in forwarding, as it is had at the start of the process.

#pragma once

#include <memory>
#include <string>

#include "ports/interface/fastpath/kernel_forwarding.h"

namespace tapswitch {

struct KernelPart {
  std::unique_ptr<KernelForwarding> kernel;  // null: there is none
  std::string why_not;                       // for people
};

// Loads the programs, where that is `wanted`, with the rights of the start, which the switch does
// not keep. The log says why there is none.
[[nodiscard]] KernelPart LoadKernelForwarding(bool wanted);

// Takes over the programs of another process, or loads them if that had none. Where those are of
// another version there are none: its ports have the other programs.
[[nodiscard]] KernelPart InheritKernelForwarding(bool wanted, PortHandover& inherited);

// Whether no port that comes later needs another BPF program, as one does before Linux 6.2
// (peer_segmentation.h).
[[nodiscard]] bool HasLoadedAllPrograms(const KernelPart& part);

}  // namespace tapswitch
