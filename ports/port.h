// A port: it carries frames in and out, and knows nothing of forwarding.
//
// It is three things, each with a header of its own: a data path, a life, and a link. One thread,
// the worker's, calls everything but the constructor and, after Detach, the destructor.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

class KernelSeat;

// The part that the kernel may take in the work of a port (interface/fastpath/kernel_forwarding.h).
struct KernelPath {
  bool is_interface = false;         // what leaves by its interface leaves by the port
  bool is_own = false;               // what comes in by its interface leaves by the port: a TAP
  bool is_taken_over = false;        // flows cannot begin here before it is added again
  std::shared_ptr<KernelSeat> seat;  // counts what the port receives; null: flows cannot begin here
};

// Facts for users about the medium of a port, beyond its status. It may outlive the port.
class PortDetails {
 public:
  using Facts = std::vector<std::pair<std::string, std::string>>;  // names and values, in order

  virtual ~PortDetails() = default;
  PortDetails(const PortDetails&) = delete;
  PortDetails& operator=(const PortDetails&) = delete;

  // Any thread may ask.
  [[nodiscard]] virtual Facts Get() const = 0;

 protected:
  PortDetails() = default;
};

class Port : public PortDataPath, public PortLife, public PortLink {
 public:
  [[nodiscard]] virtual const PortIdentity& identity() const = 0;

  [[nodiscard]] virtual KernelPath kernel_path() const { return {}; }

  // Null, as is the default: there is nothing to be told.
  [[nodiscard]] virtual std::shared_ptr<const PortDetails> details() const { return nullptr; }

  // Whether Share makes ports, where there are descriptors.
  [[nodiscard]] virtual bool can_be_shared() const { return false; }
  // Returns a port by which another thread reads and sends frames of the same device and queue. It
  // is paused, as only one of them may read at a time. Null where there is no such port, as is the
  // default, or no descriptor for it. To be called after Start.
  [[nodiscard]] virtual std::unique_ptr<Port> Share(const PortIdentity& /*identity*/) const {
    return nullptr;
  }
};

}  // namespace tapswitch
