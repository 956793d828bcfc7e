// The ways in which a received frame tells its VLAN (IEEE 802.1Q, 6.9.1).

#pragma once

#include <cstdint>

namespace tapswitch {

enum class FrameTag : uint8_t {
  kNone,      // not at all, or by a tag that is payload here
  kTagged,    // by its tag
  kPriority,  // it has a tag, whose VID is 0
};

}  // namespace tapswitch
