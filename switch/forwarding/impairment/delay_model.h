// How long frames are on their way.

#pragma once

#include "switch/forwarding/impairment/random_stream.h"

namespace tapswitch {

// Draws the delay of a frame; never less than none. A Pareto distribution has the shape 3 of that
// of tc-netem(8), moved and scaled so that its mean is the delay and its standard deviation the
// jitter.
[[nodiscard]] Nanoseconds DrawDelay(const DelaySettings& settings, RandomStream& random);

}  // namespace tapswitch
