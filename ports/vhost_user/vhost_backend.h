// The control side of a vhost port: a thread of its own that waits for the front end, serves its
// requests, and starts and stops the rings that workers use.
//
// Each port has its own thread, so no front end makes another wait, whatever it asks for. It sleeps
// while there is nothing to do. A front end that did something wrong loses its ring or its
// connection, and is served again after a pause, which doubles each time this happens again soon.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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
#include "ports/os/unix_listener.h"
#include "ports/os/wake_event.h"
#include "ports/vhost_user/message_reader.h"
#include "ports/vhost_user/queue_pair.h"
#include "ports/vhost_user/session.h"
#include "ports/vhost_user/vhost_options.h"

namespace tapswitch {

class VhostBackend final : public PortDetails {
 public:
  // Makes the socket that it listens on, with mode=server, and begins. `pairs` is at least 1.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<VhostBackend>> Open(
      const VhostOptions& options, uint32_t pairs);
  // Ends the thread. No worker uses the pairs any more.
  ~VhostBackend() override;
  VhostBackend(const VhostBackend&) = delete;
  VhostBackend& operator=(const VhostBackend&) = delete;

  [[nodiscard]] const VhostSession::Pairs& pairs() const { return pairs_; }

  [[nodiscard]] Facts Get() const override;

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

  VhostBackend(const VhostOptions& options, std::optional<UnixListener> listener, WakeEvent stop,
               WakeEvent fault);
  [[nodiscard]] absl::Status MakePairs(uint32_t pairs);
  void Run();
  [[nodiscard]] FileDescriptor AwaitPeer();
  [[nodiscard]] FileDescriptor TryPeer();
  void Serve(int connection);
  // Empty while the connection goes on.
  [[nodiscard]] std::string ServeRequests(int connection, MessageReader& reader);
  [[nodiscard]] bool Answer(int connection, const VhostSession::Reply& reply) const;
  void TakeFaults();
  void OnOffence(std::string_view what);
  void SetUnconnected();
  void UpdateReport();
  // Waits for any of the files, at most so long. False when the thread is to end.
  [[nodiscard]] bool Wait(std::vector<int> files, std::optional<Duration> limit) const;
  void LogConnection(bool begins, std::string_view what);

  const VhostOptions options_;
  std::optional<UnixListener> listener_;
  WakeEvent stop_;
  WakeEvent fault_;
  VhostSession::Pairs pairs_;
  std::optional<VhostSession> session_;
  BackOff back_off_;
  bool connection_is_logged_ = false;
  std::chrono::steady_clock::time_point log_second_{};
  uint32_t logged_ = 0;
  uint32_t requests_in_a_row_ = 0;
  std::string connect_error_;
  mutable Mutex report_mutex_;
  Report report_ ABSL_GUARDED_BY(report_mutex_);
  std::thread thread_;
};

}  // namespace tapswitch
