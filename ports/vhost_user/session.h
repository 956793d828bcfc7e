// The state of a front end of vhost-user: what it has negotiated, its memory and its rings.
// Requests go in, replies come out, and rings start and stop.
//
// It runs on the control side, and does no I/O but mapping memory. Errors end the connection, and
// say what the front end did wrong; then Reset.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/port_handover.h"
#include "ports/vhost_user/guest_memory.h"
#include "ports/vhost_user/message.h"
#include "ports/vhost_user/queue_pair.h"

namespace tapswitch {

class VhostSession {
 public:
  using Reply = std::optional<VhostNumberReply>;
  using Pairs = std::vector<std::unique_ptr<QueuePair>>;

  // `pairs` outlives the session. `mtu`: what the guest may send and gets, unless its front end
  // says another.
  VhostSession(const Pairs& pairs, uint32_t mtu);

  // Serves a request, and takes its files. An error ends the connection.
  [[nodiscard]] absl::StatusOr<Reply> Handle(const VhostMessage& message,
                                             std::vector<FileDescriptor> files);

  // Looks which rings have broken since, and tells the front end by their error files. Returns why,
  // or nothing.
  [[nodiscard]] std::string TakeFaults();

  // Ends everything: the front end has gone.
  void Reset();

  // Adds all to what another process takes over. False if there are no descriptors.
  [[nodiscard]] bool Save(PortHandover& to) const;
  // Goes on with that; the session has just begun. Errors say what is missing.
  [[nodiscard]] absl::Status Restore(PortHandover& from);

  // Why the link is not up; empty if it is.
  [[nodiscard]] std::string Obstacle() const;
  [[nodiscard]] VhostLink link() const;

  struct Summary {
    uint64_t features = 0;
    uint64_t protocol_features = 0;
    size_t regions = 0;
    uint64_t memory_bytes = 0;
    std::string refused;  // what was asked for last, and refused, while the connection goes on
    uint32_t rings = 0;   // that run
    uint32_t enabled_pairs = 0;
    uint16_t ring_size = 0;  // of frames to the guest, of the first pair
  };
  [[nodiscard]] Summary summary() const;

  // The features that the switch offers.
  [[nodiscard]] static uint64_t OfferedFeatures();
  [[nodiscard]] static uint64_t OfferedProtocolFeatures();

 private:
  struct Ring {
    uint32_t size = 0;
    bool has_address = false;
    uint64_t descriptors = 0;
    uint64_t available = 0;
    uint64_t used = 0;
    uint16_t base = 0;
    SharedFile kick;
    SharedFile call;
    FileDescriptor error;
    bool enabled = false;
    bool running = false;
  };

  [[nodiscard]] absl::StatusOr<Reply> Serve(const VhostMessage& message,
                                            std::vector<FileDescriptor>& files);
  [[nodiscard]] absl::Status Change(const VhostMessage& message,
                                    std::vector<FileDescriptor>& files);
  [[nodiscard]] absl::Status SetFeatures(const VhostMessage& message);
  [[nodiscard]] absl::Status SetMemory(const VhostMessage& message,
                                       std::vector<FileDescriptor>& files);
  [[nodiscard]] absl::Status UseMemory(absl::StatusOr<std::shared_ptr<const GuestMemory>> memory);
  [[nodiscard]] absl::Status SetRing(const VhostMessage& message,
                                     std::vector<FileDescriptor>& files);
  [[nodiscard]] absl::Status SetRingFile(const VhostMessage& message, Ring& ring,
                                         std::vector<FileDescriptor>& files);
  [[nodiscard]] absl::Status SetMtu(const VhostMessage& message);
  [[nodiscard]] uint32_t StopRing(uint32_t index);
  void StopAll();
  void DisableAll();
  void StartIfReady(uint32_t index);
  [[nodiscard]] absl::StatusOr<VringSetup> MakeSetup(const Ring& ring) const;
  void RestartAll();
  void Publish();
  [[nodiscard]] static bool SaveRing(const Ring& ring, const std::string& name, PortHandover& to);
  static void RestoreRing(PortHandover& from, const std::string& name, Ring& ring);
  [[nodiscard]] absl::Status RestoreMemory(PortHandover& from);
  [[nodiscard]] QueuePair& pair(uint32_t index) { return *pairs_[index / 2]; }
  [[nodiscard]] bool has(unsigned feature) const { return ((features_ >> feature) & 1U) != 0; }
  [[nodiscard]] bool IsEnabled(const Ring& ring) const;

  const Pairs& pairs_;
  const uint32_t offered_mtu_;
  uint32_t mtu_;
  uint64_t features_ = 0;
  uint64_t protocol_features_ = 0;
  uint8_t device_status_ = 0;
  std::shared_ptr<const GuestMemory> memory_;
  std::vector<Ring> rings_;
  std::string refused_;
  std::string trouble_;  // why a ring cannot run, or has broken
};

// The names of features, for people: "MRG_RXBUF EVENT_IDX ...".
[[nodiscard]] std::string NamesOfFeatures(uint64_t features);

}  // namespace tapswitch
