// A check that every build makes, also one with NDEBUG.
//
// It is for what memory safety rests on: who holds a buffer, which port an id stands for. Where
// such an account is wrong, a frame would be written into memory that another port reads, so the
// process ends. What comes from outside is never checked this way: it has errors that can be
// answered.

#pragma once

namespace tapswitch {

// Says on standard error what does not hold, unless its reader is stuck, and aborts.
[[noreturn, gnu::cold, gnu::noinline]] void CheckFailed(const char* condition, const char* file,
                                                        int line);

}  // namespace tapswitch

#define TAPSWITCH_CHECK(condition)                     \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::tapswitch::CheckFailed(#condition, __FILE__, __LINE__))
