// The server of the control socket: receives lines from many clients, and sends lines to them.
//
// One thread (the control thread) owns it and calls Turn repeatedly. Clients are not trusted: the
// limits below bound the memory that each can hold and the time that it can take from others.

#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/clock.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/unix/unix_listener.h"
#include "ports/os/wake_event.h"
#include "switch/control/rpc/client.h"

namespace tapswitch {

// Identifies a client. An id is never reused.
struct ClientId {
  uint64_t value = 0;
  auto operator<=>(const ClientId&) const = default;
};

class ControlSocket {
 public:
  struct Options {
    std::string path;
    std::optional<gid_t> group;  // its members may connect; default: the daemon's group
  };

  // The maximum of clients: enough for many monitors and scripts, and far below the usual limit of
  // 1,024 descriptors, which ports need too. Further clients are told the reason and closed.
  static constexpr size_t kMaxClients = 256;

  // Places that only trusted clients get, and the maximum of clients of one user that is not
  // trusted. A member of the control group could keep root out by connections otherwise.
  static constexpr size_t kTrustedPlaces = 32;
  static constexpr size_t kMaxOfUser = 64;

  // The maximum of clients that are accepted in a tick: 1,600 a second. Further ones wait in the
  // kernel's queue. Clients that came and left by the thousand took the processor from frames.
  static constexpr int kAcceptsPerTick = 16;

  // The limit of received bytes of all clients together, in lines that are incomplete or wait for
  // their turn. Beyond it, the client that holds most is refused. Otherwise 256 clients could hold
  // 1 MiB each (kMaxLine) for any time.
  static constexpr size_t kMaxReceived = 16U << 20U;

  // The limit of memory for unsent lines, some listings of a full address table. Once it is
  // reached, no requests are taken until clients have read, so the maximum is this and one more
  // reply. Queued lines are never dropped.
  static constexpr size_t kMaxHeld = 64U << 20U;

  // The part of it that clients have together which are not trusted.
  static constexpr size_t kMaxHeldForOthers = 48U << 20U;

  // A client that has not read a byte of its unsent data for this time is closed. While kMaxHeld is
  // (or its part) is reached, so is a client that has not read all of it.
  static constexpr Ticks kMaxStall{1000};

  // The limit of unsent events for one monitor. A monitor that reads loses none while the switch
  // relearns a full table in bursts of some thousand entries. One that does not read costs no more
  // than this.
  static constexpr size_t kEventsLimit = 1U << 20U;

  // Answers a line, given without '\n'. The answer ends in '\n', or is empty ("").
  using Handler = std::function<std::string(ClientId, std::string_view line)>;

  // Starts to listen. Clients that connect wait for the first Turn. The errors are those of
  // UnixListener::Bind. `clock` must outlive the socket.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ControlSocket>> Listen(const Options& options,
                                                                             const Clock& clock);
  // Goes on with the socket of a process that hands it over, and does not remove it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ControlSocket>> Inherit(
      const Options& options, FileDescriptor socket, const Clock& clock);
  // Closes all clients, without any callback.
  ~ControlSocket() = default;
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // These are called during Turn, on its thread. They may call Push, Watch and Wake, but not Turn.
  void set_handler(Handler handler) { handler_ = std::move(handler); }
  // Called after a client is gone.
  void set_on_disconnect(std::function<void(ClientId)> callback) {
    on_disconnect_ = std::move(callback);
  }
  // Called when a client to which Push refused a line has room again.
  void set_on_writable(std::function<void(ClientId)> callback) {
    on_writable_ = std::move(callback);
  }

  // Tells which clients are trusted, as they connect; all, if it is not set. Others can use up
  // neither all places nor all room.
  void set_is_trusted(std::function<bool(const ControlPeer&)> is_trusted) {
    is_trusted_ = std::move(is_trusted);
  }
  // Tells which clients wait for something although they ask for nothing. Others that are not
  // trusted may be closed when there is no place.
  void set_is_waiting(std::function<bool(ClientId)> is_waiting) {
    is_waiting_ = std::move(is_waiting);
  }

  // Calls `on_readable` in each Turn in which `fd` can be read (or has an error or hangup). `fd`
  // must outlive the socket.
  [[nodiscard]] absl::Status Watch(int fd, std::function<void()> on_readable);

  // Waits for work (nullopt: without limit) and does it. Takes at most one request from each
  // client.
  void Turn(std::optional<std::chrono::milliseconds> timeout);

  // Ends the wait of the present Turn, or else of the next. Thread-safe.
  void Wake();

  // Queues a line, with its '\n', that is not a reply; the next Turn sends it. Returns false, and
  // queues nothing, if more than kEventsLimit waits for this client already, if kMaxHeld is
  // reached, or if the client is gone.
  [[nodiscard]] bool Push(ClientId id, std::string line);

  // Whether Push would accept a line of this client now. If not, on_writable reports when it would.
  [[nodiscard]] bool HasRoom(ClientId id);

  // Marks a client that is sent a stream rather than replies. It may read slowly, as long as there
  // is room for others.
  void MarkStreaming(ClientId id);

  // Takes no more requests from the client, and closes it once its unsent data are sent.
  void End(ClientId id);

  // The number of unsent bytes; 0 for a client that is gone.
  [[nodiscard]] size_t unsent(ClientId id) const;
  // The peer of a client; nullopt for a client that is gone.
  [[nodiscard]] std::optional<ControlPeer> peer(ClientId id) const;

  // Whether the client has hung up by now, also if no turn has noticed that yet: no answer will
  // reach it. What it asked for before that still comes to the handler.
  [[nodiscard]] bool HasHungUp(ClientId id) const;

  // The listening socket, for a successor; and leaving all new clients to that.
  [[nodiscard]] int listener() const { return listener_.fd(); }
  void StopListening();

  [[nodiscard]] size_t clients() const { return clients_.size(); }
  // The memory of unsent data, and of received data that were not taken yet.
  [[nodiscard]] size_t held() const { return held_; }
  [[nodiscard]] size_t received() const;

 private:
  using Clients = std::map<ClientId, Client>;

  ControlSocket(UnixListener listener, FileDescriptor epoll, WakeEvent wake, const Clock& clock);
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ControlSocket>> Make(
      absl::StatusOr<UnixListener> listener, const Clock& clock);
  [[nodiscard]] absl::Status Start();

  // Functions that wait.
  void WaitAndDispatch(std::optional<std::chrono::milliseconds> timeout);
  void OnClientEvent(ClientId id, uint32_t events);
  [[nodiscard]] int TimeoutMs(std::optional<std::chrono::milliseconds> wanted) const;
  [[nodiscard]] bool HasWork(const Client& client) const;

  // Functions for new clients.
  void AcceptClients();
  [[nodiscard]] bool AcceptClient();
  void Admit(FileDescriptor fd);
  [[nodiscard]] absl::Status MakePlaceFor(const Client& newcomer);
  [[nodiscard]] bool IsIdle(ClientId id, const Client& client) const;
  [[nodiscard]] bool CloseOldestIdle();
  void RejectWithoutDescriptors();
  void PauseListener(Ticks span);
  void ResumeListener();

  // Functions for requests.
  void ServeRound();
  void Serve(ClientId id, Client& client);
  [[nodiscard]] bool MayServe(const Client& client) const;
  void RefuseInput(ClientId id, Client& client, std::string_view why);
  void LimitReceived();

  // Functions for output, and for the end of clients.
  // Returns true if a client was told that it has room.
  bool SendAndNotify();
  void Queue(Client& client, std::string line, bool is_reply);
  void Account(Client& client, const std::function<void()>& change);
  [[nodiscard]] bool out_of_room(const Client& client) const {
    return held_ >= kMaxHeld || (!client.is_trusted && held_by_others_ >= kMaxHeldForOthers);
  }
  void Count(const Client& client, size_t held);
  void Discount(const Client& client, size_t held);
  [[nodiscard]] Tick StallDeadline(const Client& client) const;
  Clients::iterator Erase(Clients::iterator client);
  void CloseEnded();
  bool NotifyWritable();
  void UpdateInterest(ClientId id, Client& client);

  UnixListener listener_;
  FileDescriptor epoll_;
  WakeEvent wake_;
  FileDescriptor spare_;  // closed for a moment to tell a client that there are no descriptors
  const Clock& clock_;

  Handler handler_;
  std::function<void(ClientId)> on_disconnect_;
  std::function<void(ClientId)> on_writable_;
  std::function<bool(const ControlPeer&)> is_trusted_;
  std::function<bool(ClientId)> is_waiting_;
  std::deque<std::function<void()>>
      watches_;  // elements never move: one may add another while it runs

  Clients clients_;
  uint64_t last_id_ = 0;
  ClientId last_served_;
  size_t held_ = 0;            // memory of the outputs of clients_
  size_t held_by_others_ = 0;  // of those that are not trusted
  std::optional<Tick> listener_paused_until_;
  Tick accepting_at_;          // when clients were accepted last
  int accepts_ = 0;            // then
  bool has_rejected_ = false;  // a client was rejected since the last one was admitted
};

}  // namespace tapswitch
