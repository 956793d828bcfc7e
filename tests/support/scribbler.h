// A second thread that writes to memory all the time, as a guest can while the switch reads it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <thread>

namespace tapswitch {

// Copies bytes of the memory to other places of it for ever, so that what is written makes sense at
// times. What it does is no progress of a fuzzer, and no fault.
[[noreturn]]
#if defined(__clang__)
[[clang::no_sanitize("address", "coverage", "undefined")]]
#endif
inline void
Scribble(std::byte* memory, size_t size) {
  const size_t places = size - 16;
  for (uint32_t state = 1;; state = state * 1664525 + 1013904223) {
    const size_t to = (state >> 8U) % places;
    const size_t from = (state >> 20U) % places;
    for (size_t i = 0; i <= state % 16; ++i) memory[to + i] = memory[from + i];
  }
}

// Starts the thread with TAPSWITCH_SCRIBBLE in the environment: what a fuzzer finds then need not
// happen again with the same input. `memory` stays as long as the process.
inline void ScribbleIfAsked(std::span<std::byte> memory) {
  if (std::getenv("TAPSWITCH_SCRIBBLE") == nullptr) return;
  std::thread(Scribble, memory.data(), memory.size()).detach();
}

}  // namespace tapswitch
