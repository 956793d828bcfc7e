// The server's side of the control socket: many clients, lines in, lines out.
//
// One thread (the control thread) owns it and lets it work, turn by turn. Clients are not trusted to
// be well-behaved: each is bounded in what it may hold of memory and of everybody's time, by the
// limits below.

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
#include "ports/os/unix_listener.h"
#include "ports/os/wake_event.h"
#include "switch/control/rpc/client.h"

namespace tapswitch {

// Never used twice.
struct ClientId {
  uint64_t value = 0;
  auto operator<=>(const ClientId&) const = default;
};

class ControlSocket {
 public:
  struct Options {
    std::string path;
    std::optional<gid_t> group;  // whose members may connect; without it the daemon's own
  };

  // Many monitors and scripts, and far from the usual limit of 1,024 descriptors, which ports need
  // too. Further clients are told so and closed.
  static constexpr size_t kMaxClients = 256;

  // Lines that are not complete, or wait for their turn, of all clients together. Who holds most of
  // it is refused; without this, 256 clients could hold 1 MiB each (kMaxLine) for as long as they
  // like.
  static constexpr size_t kMaxReceived = 16U << 20U;

  // Memory of everything that waits to be sent: some listings of a full address table. From there on
  // no request is taken from anybody until clients have read, so the most there can be is this and
  // one more reply. Nothing is taken back that was queued.
  static constexpr size_t kMaxHeld = 64U << 20U;

  // A client that has not read a byte of what waits for it for this long is closed; when kMaxHeld is
  // reached, so is one that has not read all of it.
  static constexpr Ticks kMaxStall{1000};

  // Events that wait for one monitor. One that reads loses none while the switch relearns a full
  // table in bursts of some thousand entries; one that does not costs no more than this.
  static constexpr size_t kEventsLimit = 1U << 20U;

  // Answers a line, given without '\n', with one that has it, or with nothing ("").
  using Handler = std::function<std::string(ClientId, std::string_view line)>;

  // Listens at once: who connects waits for the first Turn. Errors are those of UnixListener::Bind.
  // `clock` outlives the socket.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ControlSocket>> Listen(const Options& options,
                                                                             const Clock& clock);
  // Closes all clients, without calling anybody.
  ~ControlSocket() = default;
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // All are called during Turn, by its thread. They may call Push, Watch and Wake, but not Turn.
  void set_handler(Handler handler) { handler_ = std::move(handler); }
  // The client is gone already.
  void set_on_disconnect(std::function<void(ClientId)> callback) {
    on_disconnect_ = std::move(callback);
  }
  // A client that was refused a Push has room again.
  void set_on_writable(std::function<void(ClientId)> callback) {
    on_writable_ = std::move(callback);
  }

  // Calls back in each Turn in which `fd` can be read (or has an error or hangup). It outlives the
  // socket.
  [[nodiscard]] absl::Status Watch(int fd, std::function<void()> on_readable);

  // Waits until there is something to do (nullopt: for as long as it takes) and does it. Takes at
  // most one request of each client.
  void Turn(std::optional<std::chrono::milliseconds> timeout);

  // Lets the Turn that waits, or else the next one, return. From any thread.
  void Wake();

  // Queues a line, with its '\n', that is no reply; the next Turn sends it. False, and nothing is
  // queued, when more than kEventsLimit waits for this client already, when kMaxHeld is reached, or
  // when the client is gone.
  [[nodiscard]] bool Push(ClientId client, std::string line);

  // Whether Push would take a line of this client now. If not, it is told when there is room again.
  [[nodiscard]] bool HasRoom(ClientId client);

  // Of a client that is sent a stream rather than replies: it may take its time to read, as long as
  // there is room for others.
  void SetStreaming(ClientId client);

  // Takes no more requests of the client, and closes it once it has been sent what waits for it.
  void End(ClientId client);

  // Bytes that wait to be sent; 0 for a client that is gone.
  [[nodiscard]] size_t unsent(ClientId client) const;
  // Nullopt for a client that is gone.
  [[nodiscard]] std::optional<ControlPeer> peer(ClientId client) const;

  [[nodiscard]] size_t clients() const { return clients_.size(); }
  // Memory that waits to be sent, and that came and was not taken yet.
  [[nodiscard]] size_t held() const { return held_; }
  [[nodiscard]] size_t received() const;

 private:
  using Clients = std::map<ClientId, Client>;

  ControlSocket(UnixListener listener, FileDescriptor epoll, WakeEvent wake, const Clock& clock);
  [[nodiscard]] absl::Status Start();

  // Waiting.
  void WaitAndDispatch(std::optional<std::chrono::milliseconds> timeout);
  void OnClientEvent(ClientId id, uint32_t events);
  [[nodiscard]] int TimeoutMs(std::optional<std::chrono::milliseconds> wanted) const;
  [[nodiscard]] bool HasWork(const Client& client) const;

  // Connecting.
  void AcceptClients();
  [[nodiscard]] bool AcceptClient();
  void Admit(FileDescriptor fd);
  void RejectWithoutDescriptors();
  void PauseListener();
  void ResumeListener();

  // Requests.
  void ServeRound();
  void Serve(ClientId id, Client& client);
  [[nodiscard]] bool MayServe(const Client& client) const;
  void RefuseInput(ClientId id, Client& client, std::string_view why);
  void LimitReceived();

  // Output and the end.
  // True when somebody was told that there is room.
  bool SendAndNotify();
  void Queue(Client& client, std::string line, bool is_reply);
  void Account(Client& client, const std::function<void()>& change);
  [[nodiscard]] bool out_of_room() const { return held_ >= kMaxHeld; }
  [[nodiscard]] Tick StallDeadline(const Client& client) const;
  void CloseEnded();
  bool NotifyWritable();
  void UpdateInterest(ClientId id, Client& client);

  UnixListener listener_;
  FileDescriptor epoll_;
  WakeEvent wake_;
  FileDescriptor spare_;  // given up for a moment to tell a client that there are no descriptors
  const Clock& clock_;

  Handler handler_;
  std::function<void(ClientId)> on_disconnect_;
  std::function<void(ClientId)> on_writable_;
  std::deque<std::function<void()>> watches_;  // never move: one may add another while it runs

  Clients clients_;
  uint64_t last_id_ = 0;
  ClientId last_served_;
  size_t held_ = 0;  // by the outputs of clients_
  std::optional<Tick> listener_paused_until_;
  bool has_rejected_ = false;  // since there was room last
};

}  // namespace tapswitch
