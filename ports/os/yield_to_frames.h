// The priority of threads that do not carry frames.

#pragma once

namespace tapswitch {

// Gives the calling thread, and those that it starts from now on, a tenth of the share of a
// processor that a worker has where both want it: where the processors are busy with frames, a
// listing of megabytes waits rather than they. A program that such a thread starts has that share,
// too, and cannot raise it.
void YieldToFrames();

}  // namespace tapswitch
