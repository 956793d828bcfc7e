// The meaning of errors of reading and writing an interface's file, and the state of reading after
// them.

#pragma once

#include <cstdint>
#include <string>

#include "ports/ring/ring.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

// Whether `error` is an answer of an interface that is down, or that is being or has been deleted.
[[nodiscard]] bool SaysLinkIsDown(int error);

// The reason that a frame is counted under when writing it to a file of this kind failed.
[[nodiscard]] DropReason ReasonForWriteError(int error, FileKind kind);

// Describes the errno of a read for users; 0 is the end of the file.
[[nodiscard]] std::string DescribeReadError(int error);

enum class ReadFault : uint8_t {
  kNone,
  kOnce,    // the last read failed, and it is tried again
  kFailed,  // it failed again with no frame in between; reading waits for the link to come up
};

// How reading stands, as far as the state of the link depends on it.
struct ReadHealth {
  bool has_file = false;  // the ring has the file
  ReadFault fault = ReadFault::kNone;
  int error = 0;  // the errno of the last read that failed; 0 is the end of the file
};

}  // namespace tapswitch
