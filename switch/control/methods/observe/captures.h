// The captures that run: each belongs to a client, whose connection carries a pcapng file from the
// answer to its request on. Whatever line comes from that client then ends its capture; what was
// taken until then, and the statistics, are still sent before the connection is closed.
//
// A client that reads slowly loses frames, which are counted. What a capture costs is bounded:
// kMemory for what waits to be written, and the client's own room at the socket.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/wake_event.h"
#include "switch/capture/capture_point.h"
#include "switch/capture/capture_writer.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/rpc/control_socket.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class Captures {
 public:
  static constexpr size_t kMaxCaptures = 8;
  // The most that the filters of all captures may cost together, for each frame and direction (see
  // PacketFilter::cost): forwarding threads run them. A filter for twenty hosts costs some 50; all
  // of it is less than a microsecond, where a frame costs 1.4.
  static constexpr size_t kMaxFilterCost = 256;
  static constexpr size_t kMemory = size_t{8} << 20U;
  // The default of tcpdump(8), which is more than any frame.
  static constexpr uint32_t kDefaultSnapLength = 262144;

  struct Wish {
    std::optional<PortId> port;  // nothing: all, also those that come later
    PacketFilter filter;
    uint32_t snap_length = kDefaultSnapLength;
    std::optional<uint64_t> count;  // of frames, after which it ends
  };

  // All outlive this. `socket` may be null, and nothing is captured then.
  Captures(const BridgeControl& control, RunningSwitch running, ControlSocket* socket);
  // Precondition: the worker has no tap any more, as after StopAll.
  ~Captures() = default;
  Captures(const Captures&) = delete;
  Captures& operator=(const Captures&) = delete;

  // Has the socket wake when there is something to do.
  [[nodiscard]] absl::Status Watch();

  // The stream begins with the next Pump, so that the answer goes first.
  [[nodiscard]] absl::Status Start(ClientId client, Wish wish);
  [[nodiscard]] bool Has(ClientId client) const;

  // Ends the capture of a client; it is still sent what it has not got.
  void Stop(ClientId client);
  void StopAll();
  // The client has gone.
  void Forget(ClientId client);
  // Called before the port's name is forgotten.
  void ForgetPort(PortId port);

  // Sends what there is, as far as clients have room. To be called after each turn of the socket.
  void Pump();
  [[nodiscard]] bool empty() const { return running_captures_.empty(); }

 private:
  struct Capture {
    ClientId client;
    std::optional<PortId> port;
    size_t filter_cost = 0;
    std::unique_ptr<CapturePoint> tap;
    std::unique_ptr<CaptureWriter> writer;
    bool begun = false;
    bool tapping = true;  // the worker has the tap
  };

  [[nodiscard]] absl::Status CheckCost(const PacketFilter& filter) const;
  [[nodiscard]] Capture* Find(ClientId client);
  void RemoveTap(Capture& capture);
  void Begin(Capture& capture, std::string& out);
  bool PumpOne(Capture& capture);

  const BridgeControl& control_;
  RunningSwitch running_;
  ControlSocket* socket_;
  std::optional<WakeEvent> wake_;
  std::vector<Capture> running_captures_;
};

}  // namespace tapswitch
