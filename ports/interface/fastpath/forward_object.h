// The programs of forward.bpf.c as they were compiled.

#pragma once

#include <span>

namespace tapswitch {

// An ELF object for the kernel's BPF machine; empty in a build without it.
[[nodiscard]] std::span<const unsigned char> ForwardObject();

}  // namespace tapswitch
