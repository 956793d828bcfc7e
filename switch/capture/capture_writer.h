// Writes the records of a capture point as a pcapng file, in which ports are interfaces. It knows
// nothing of clients and sockets.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "ports/os/clock.h"
#include "switch/capture/capture_point.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

class CaptureWriter {
 public:
  struct Options {
    uint32_t snap_length = 0;
    std::optional<uint64_t> count;  // the number of packets after which it ends
  };

  enum class State : uint8_t {
    kMore,   // call again at once: there may be more
    kEmpty,  // no more records for now
    kEnded,  // the capture is complete
  };

  // `point` and `clock` must outlive this object. `name` returns the name of a present port.
  CaptureWriter(Options options, CapturePoint& point, const Clock& clock,
                std::function<std::string(PortId)> name);

  // Appends the header of the file.
  static void Begin(std::string& out);
  // Announces a port. Otherwise this happens with the port's first packet.
  void AddPort(PortId port, std::string& out) { InterfaceOf(port, out); }

  // Appends records until there are none, or until `out` has about `limit` bytes.
  State Write(size_t limit, std::string& out);

  // Tells that the port's id may mean another port from now on. No frame passes the port any more,
  // but records of it may still be unread.
  void ForgetPort(PortId port);
  // The number of removed ports whose records may still be unread.
  [[nodiscard]] size_t forgotten() const { return forgotten_.size(); }

  // Appends the end of the file. Precondition: no worker uses the capture point any more.
  void Finish(std::string& out);

 private:
  struct Interface {
    uint32_t number = 0;
    uint64_t lost = 0;       // losses that packets have reported
    bool lost_more = false;  // losses since the last statistics
  };
  struct Forgotten {
    uint64_t position = 0;  // in the capture point: later records are not of this port
    PortId port;
    std::string name;
    CapturePoint::Counts counts;
  };

  Interface& InterfaceOf(PortId port, std::string& out);
  [[nodiscard]] std::string NameAt(PortId port) const;
  void WritePacket(const CapturePoint::Record& record, std::string& out);
  void WriteLosses(std::string& out);
  void WriteCounts(PortId port, const CapturePoint::Counts& counts, std::string& out);
  void ForgetUpTo(uint64_t position, std::string& out);

  Options options_;
  CapturePoint& point_;
  const Clock& clock_;
  std::function<std::string(PortId)> name_;
  uint64_t start_;
  uint32_t next_number_ = 0;
  std::map<PortId, Interface> interfaces_;
  std::map<PortId, CapturePoint::Counts> before_;  // counts of earlier ports of the same id
  std::deque<Forgotten> forgotten_;                // by position
};

}  // namespace tapswitch
