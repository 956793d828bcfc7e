// The control side of a vhost port: a thread of its own that waits for the front end, serves its
// requests, and starts and stops the rings that workers use.
//
// Each port has its own thread, so no front end makes another wait, whatever it asks for. It sleeps
// while there is nothing to do. A front end that did something wrong loses its ring or its
// connection, and is served again after a pause, which doubles each time this happens again soon.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/mutex.h"
#include "ports/os/unix/unix_listener.h"
#include "ports/os/wake_event.h"
#include "ports/port.h"
#include "ports/port_handover.h"
#include "ports/vhost_user/message_reader.h"
#include "ports/vhost_user/queue_pair.h"
#include "ports/vhost_user/session.h"
#include "ports/vhost_user/vhost_options.h"

namespace tapswitch {

class VhostBackend final : public PortDetails {
 public:
  // Makes the socket that it listens on, with mode=server, and begins. `pairs` is at least 1. With
  // `inherited` it takes over that of another process, and is frozen.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<VhostBackend>> Open(
      const VhostOptions& options, uint32_t pairs, PortHandover* inherited = nullptr);
  // Ends the thread. No worker uses the pairs any more.
  ~VhostBackend() override;
  VhostBackend(const VhostBackend&) = delete;
  VhostBackend& operator=(const VhostBackend&) = delete;

  [[nodiscard]] const VhostSession::Pairs& pairs() const { return pairs_; }

  [[nodiscard]] Facts Get() const override;

  // While it is frozen, no request is served, nobody is connected to, and rings neither start nor
  // stop. Any thread may call it.
  void Freeze() { is_frozen_ = true; }
  void Thaw() { is_frozen_ = false; }
  // Adds the socket that it listens on.
  [[nodiscard]] bool HandOverListener(PortHandover& to) const;
  // Adds the connection and all that belongs to it. To be called while it is frozen. False if there
  // are no descriptors.
  [[nodiscard]] bool HandOver(PortHandover& to) const;
  // Goes on with that. What cannot be gone on with ends the connection, and its front end connects
  // again.
  void TakeOver(PortHandover& from);

 private:
  using Duration = std::chrono::milliseconds;

  // How long a front end waits that did something wrong.
  class BackOff {
   public:
    [[nodiscard]] Duration Next();

   private:
    std::chrono::steady_clock::time_point last_{};
    Duration pause_{0};
  };

  struct Report {
    std::string peer;  // empty: nobody is connected
    std::string last_error;
    VhostSession::Summary summary;
    uint64_t connections = 0;
    uint64_t requests = 0;
    uint64_t offences = 0;
  };

  // The files and the time that the thread waits for before its next step.
  struct Pause {
    std::vector<int> files;
    std::optional<Duration> limit;
  };

  VhostBackend(VhostOptions options, std::optional<UnixListener> listener, WakeEvent stop,
               WakeEvent fault);
  [[nodiscard]] absl::Status MakePairs(uint32_t pairs);
  void Run();
  [[nodiscard]] Pause Step();
  [[nodiscard]] Pause AwaitPeer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  void TryPeer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  void BeginConnection() ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  void EndConnection(std::string_view why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  [[nodiscard]] Pause ServeRequests() ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  [[nodiscard]] bool Answer(const VhostSession::Reply& reply) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  [[nodiscard]] std::optional<Duration> TakeFaults() ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  [[nodiscard]] Duration OnOffence(std::string_view what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  void SetUnconnected() ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  void UpdateReport() ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);
  // False when the thread is to end.
  [[nodiscard]] bool Wait(const Pause& pause) const;
  void LogConnection(bool begins, std::string_view what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(serving_);

  const VhostOptions options_;
  std::optional<UnixListener> listener_;
  WakeEvent stop_;
  WakeEvent fault_;
  VhostSession::Pairs pairs_;
  std::atomic<bool> is_frozen_ = false;
  // Held by the thread for each of its steps.
  mutable Mutex serving_;
  std::optional<VhostSession> session_ ABSL_GUARDED_BY(serving_);
  FileDescriptor connection_ ABSL_GUARDED_BY(serving_);
  MessageReader reader_ ABSL_GUARDED_BY(serving_);
  BackOff back_off_ ABSL_GUARDED_BY(serving_);
  bool connection_is_logged_ ABSL_GUARDED_BY(serving_) = false;
  std::chrono::steady_clock::time_point log_second_ ABSL_GUARDED_BY(serving_){};
  uint32_t logged_ ABSL_GUARDED_BY(serving_) = 0;
  std::string connect_error_ ABSL_GUARDED_BY(serving_);
  mutable Mutex report_mutex_;
  Report report_ ABSL_GUARDED_BY(report_mutex_);
  std::thread thread_;
};

}  // namespace tapswitch
