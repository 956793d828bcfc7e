// A port for a guest by vhost-user: the switch is the back end of the guest's network device, and
// copies frames from and to the guest's memory.
//
// Theory of operation. A queue of the port has one or several pairs of rings (queue_pair.h) of its
// own: with N workers, worker i has the pairs i, i + N, .... Its ring watches the eventfd of each
// pair by which the guest kicks, and another one by which the control side (vhost_backend.h) tells
// of changes. While frames come, the guest is asked not to kick, and the lane looks at the rings;
// before it sleeps, the guest is asked to kick again.
//
// A guest enables fewer pairs than there are, often one. So what a worker has to send goes by the
// first pair of its own that is enabled, else by pair 0.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/buffer_memory.h"
#include "ports/port.h"
#include "ports/vhost_user/queue_pair.h"
#include "ports/vhost_user/vhost_backend.h"
#include "ports/vhost_user/vhost_options.h"

namespace tapswitch {

class VhostPort final : public Port {
 public:
  // The maximum of frames in one turn. Two such ports fill a batch.
  static constexpr size_t kMaxFrames = 128;

  // `own`: the numbers of its pairs, at least one.
  VhostPort(PortIdentity identity, std::shared_ptr<VhostBackend> backend,
            const std::vector<size_t>& own, BufferMemory memory);

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] std::shared_ptr<const PortDetails> details() const override { return backend_; }
  [[nodiscard]] absl::Status Start(Ring& ring) override;
  void OnCompletions(std::span<const Completion> completions, FrameBatch& received) override;
  [[nodiscard]] bool Receive(FrameBatch& received) override;
  void LimitReceiving(size_t frames) override { limit_ = std::min(frames, kMaxFrames); }
  [[nodiscard]] bool is_silent() const override { return is_silent_; }
  [[nodiscard]] bool HasInput() override;
  [[nodiscard]] bool AwaitInput() override;
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override {}
  [[nodiscard]] bool wants_retry() const override { return starved_ && !closing_; }
  void Retry() override;
  [[nodiscard]] bool Pause() override;
  void Resume() override;
  [[nodiscard]] bool paused() const override { return pause_wanted_; }
  [[nodiscard]] bool HandOver(size_t queue, PortHandover& to) const override;
  [[nodiscard]] bool HandOverPaused(PortHandover& to) const override;
  void TakeOverPaused(PortHandover& from) override;
  void OnLinkChange(const LinkEvent& /*link*/) override {}
  void BeginClose() override;
  [[nodiscard]] bool closed() const override { return closing_; }
  void Detach() override { ring_ = nullptr; }

 private:
  // A pair and what the ring watches for it.
  struct Pair {
    QueuePair* queues = nullptr;
    std::optional<Tag> doorbell;
    SharedFile kick;
    std::optional<Tag> kick_tag;
  };

  [[nodiscard]] Tag NextTag();
  [[nodiscard]] absl::StatusOr<Tag> Watch(int fd);
  void Refresh(Pair& pair);
  void WatchKick(Pair& pair);
  void TakeLink(const VhostLink& link);
  [[nodiscard]] bool is_first() const {
    return pairs_.front().queues == backend_->pairs().front().get();
  }

  PortIdentity identity_;
  PortStatus status_;
  std::shared_ptr<VhostBackend> backend_;
  std::vector<Pair> pairs_;
  BufferMemory memory_;
  ReceiveArena arena_;
  Ring* ring_ = nullptr;  // null until Start has succeeded
  uint32_t watches_ = 0;  // counts them, so that completions of earlier ones are ignored
  size_t limit_ = kMaxFrames;
  size_t first_ = 0;  // the pair that is received from first
  bool is_silent_ = false;
  bool starved_ = false;  // there was no place in the ring: retry
  bool pause_wanted_ = false;
  bool closing_ = false;
};

// Makes the socket and a port for each worker; see MakePortQueues. The socket of `inherited` takes
// the place of one that is made.
[[nodiscard]] absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenVhostPort(
    std::span<const PortIdentity> identities, const VhostOptions& options,
    PortHandover* inherited = nullptr);

}  // namespace tapswitch
