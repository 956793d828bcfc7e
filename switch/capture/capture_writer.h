// What a tap took, as a pcapng file: ports are its interfaces. Knows nothing of clients and sockets.

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
    std::optional<uint64_t> count;  // of packets, after which it ends
  };

  enum class State : uint8_t {
    kMore,   // there may be more at once
    kEmpty,  // nothing more for now
    kEnded,  // there will be no more
  };

  // Both outlive this. `name` gives the name of a port that is there.
  CaptureWriter(Options options, CapturePoint& point, const Clock& clock,
                std::function<std::string(PortId)> name);

  // The header of the file.
  void Begin(std::string& out);
  // Announces a port, which happens anyway when a packet of it comes.
  void AddPort(PortId port, std::string& out) { InterfaceOf(port, out); }

  // Appends what the tap took, until there is nothing more or `out` has about `limit` bytes.
  State Write(size_t limit, std::string& out);

  // The port's id may from now on mean another one. No frame passes by it any more, but what it took
  // part in may still be unread.
  void ForgetPort(PortId port);
  // How many ports have gone of which that is so.
  [[nodiscard]] size_t forgotten() const { return forgotten_.size(); }

  // The end of the file, once the worker has let go of the tap.
  void Finish(std::string& out);

 private:
  struct Interface {
    uint32_t number = 0;
    uint64_t lost = 0;       // as far as packets have told
    bool lost_more = false;  // since this was written down last
  };
  struct Forgotten {
    uint64_t position = 0;  // in the tap: packets from there on are not its own
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
  std::map<PortId, CapturePoint::Counts> before_;  // what ports of the same id had counted
  std::deque<Forgotten> forgotten_;                // by position
};

}  // namespace tapswitch
