// Errors of sockets. Linux tells each of them once (ENETDOWN, EHOSTUNREACH, ENOBUFS ...), before
// what was received, so readers read on after any error but EAGAIN.

#pragma once

namespace tapswitch {

// The errors that a reader reads past at once, lest somebody who causes them keeps it busy.
inline constexpr int kMostSocketErrors = 64;

}  // namespace tapswitch
