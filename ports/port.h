// A port: it carries frames in and out, and knows nothing of forwarding.
//
// It is three things, each with a header of its own: a data path, a life, and a link. One thread,
// the worker's, calls everything but the constructor and, after Detach, the destructor.

#pragma once

#include <cstdint>
#include <string>

#include "ports/port_data_path.h"
#include "ports/port_life.h"
#include "ports/port_link.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

// Which port it is, and where it counts. `counters` outlives the port.
struct PortIdentity {
  PortId id;
  uint16_t generation = 0;
  std::string name;
  PortCounters* counters = nullptr;
};

class Port : public PortDataPath, public PortLife, public PortLink {
 public:
  [[nodiscard]] virtual const PortIdentity& identity() const = 0;
};

}  // namespace tapswitch
