#include "switch/control/rpc/control_socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <span>
#include <utility>

#include "ports/os/unix/accept.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/control/rpc/json_rpc.h"

namespace tapswitch {
namespace {

// The number of events that one turn takes; the rest is left for the next turn.
constexpr size_t kEventsAtOnce = 128;

// The time without accepting clients after descriptors ran out even for a refusal.
constexpr Ticks kListenerPause{100};

// Tags of epoll: the id of a client, or this bit and the index of a watch.
constexpr uint64_t kWatchBit = uint64_t{1} << 63U;
constexpr uint64_t kListenerTag = kWatchBit;  // the listener is the first watch

constexpr Tick kNever{std::numeric_limits<uint64_t>::max()};

FileDescriptor OpenSpare() { return FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// Tells a client why it is not admitted. Its socket is new and empty, so there is room.
void Reject(int client, std::string_view why) {
  const std::string line = ErrorLine(RpcError::kRefused, why);
  static_cast<void>(send(client, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

// Its owner and its group may connect.
constexpr mode_t kMode = 0660;

UnixListener::Options ListenerOptions(const ControlSocket::Options& options) {
  return {
      .what = "control socket",
      .path = options.path,
      .occupant = "a bridge of this name is running",
      .mode = kMode,
      .group = options.group,
      .makes_folder = true,
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControlSocket>> ControlSocket::Listen(const Options& options,
                                                                     const Clock& clock) {
  return Make(UnixListener::Bind(ListenerOptions(options)), clock);
}

absl::StatusOr<std::unique_ptr<ControlSocket>> ControlSocket::Inherit(const Options& options,
                                                                      FileDescriptor socket,
                                                                      const Clock& clock) {
  return Make(UnixListener::Inherit(ListenerOptions(options), std::move(socket)), clock);
}

absl::StatusOr<std::unique_ptr<ControlSocket>> ControlSocket::Make(
    absl::StatusOr<UnixListener> listener, const Clock& clock) {
  if (!listener.ok()) return listener.status();
  FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll_create1");
  auto wake = WakeEvent::Create();
  if (!wake.ok()) return wake.status();
  std::unique_ptr<ControlSocket> made(
      new ControlSocket(*std::move(listener), std::move(epoll), *std::move(wake), clock));
  if (absl::Status status = made->Start(); !status.ok()) return status;
  return made;
}

ControlSocket::ControlSocket(UnixListener listener, FileDescriptor epoll, WakeEvent wake,
                             const Clock& clock)
    : listener_(std::move(listener)),
      epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      spare_(OpenSpare()),
      clock_(clock) {}

absl::Status ControlSocket::Start() {
  if (absl::Status status = Watch(listener_.fd(), [this] { AcceptClients(); }); !status.ok()) {
    return status;
  }
  return Watch(wake_.fd(), [this] { wake_.Clear(); });
}

absl::Status ControlSocket::Watch(int fd, std::function<void()> on_readable) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWatchBit | watches_.size()}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return absl::ErrnoToStatus(errno, fmt::format("epoll: file descriptor {}", fd));
  }
  watches_.push_back(std::move(on_readable));
  return absl::OkStatus();
}

void ControlSocket::Wake() { wake_.Signal(); }

void ControlSocket::Turn(std::optional<std::chrono::milliseconds> timeout) {
  // Sends lines that were pushed since the last turn. A client that was told that it has room may
  // have more to push at once, without another event.
  if (SendAndNotify()) timeout = std::chrono::milliseconds(0);
  WaitAndDispatch(timeout);
  ServeRound();
  LimitReceived();
  static_cast<void>(SendAndNotify());
}

// --- Waiting.

void ControlSocket::WaitAndDispatch(std::optional<std::chrono::milliseconds> timeout) {
  std::array<epoll_event, kEventsAtOnce> events{};
  const int count =
      epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), TimeoutMs(timeout));
  if (listener_paused_until_ && clock_.Now() >= *listener_paused_until_) ResumeListener();
  for (const epoll_event& event :
       std::span(events).first(static_cast<size_t>(std::max(count, 0)))) {
    const uint64_t tag = event.data.u64;
    if ((tag & kWatchBit) != 0) {
      watches_[tag & ~kWatchBit]();
    } else {
      OnClientEvent({tag}, event.events);
    }
  }
}

void ControlSocket::OnClientEvent(ClientId id, uint32_t events) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  Client& client = found->second;
  if ((events & EPOLLOUT) != 0) client.OnWritable();
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    Account(client, [&] { client.HangUp(); });
    return;
  }
  if ((events & EPOLLIN) != 0) Account(client, [&] { client.Receive(); });
}

int ControlSocket::TimeoutMs(std::optional<std::chrono::milliseconds> wanted) const {
  constexpr uint64_t kMsPerTick = 10;
  constexpr uint64_t kMost = std::numeric_limits<int>::max();
  std::optional<uint64_t> limit;
  if (wanted) limit = static_cast<uint64_t>(std::max<int64_t>(wanted->count(), 0));
  const Tick now = clock_.Now();
  const auto no_later_than = [&](Tick deadline) {
    const uint64_t left =
        deadline <= now ? 0 : (deadline.centiseconds - now.centiseconds) * kMsPerTick;
    limit = std::min(limit.value_or(kMost), left);
  };
  if (listener_paused_until_) no_later_than(*listener_paused_until_);
  for (const auto& [id, client] : clients_) {
    if (HasWork(client)) return 0;
    if (client.output().empty()) continue;
    const Tick deadline = StallDeadline(client);
    if (deadline != kNever) no_later_than(deadline);
  }
  return limit ? static_cast<int>(std::min(*limit, kMost)) : -1;
}

// Whether there is something to do for it that epoll does not tell.
bool ControlSocket::HasWork(const Client& client) const {
  if (!client.output().empty() && !client.awaits_room()) return true;
  const bool readable = client.hung_up() && !client.input_ended();
  return MayServe(client) && (client.input().has_line() || readable);
}

// --- Connecting.

void ControlSocket::AcceptClients() {
  const Tick now = clock_.Now();
  if (std::exchange(accepting_at_, now) != now) accepts_ = 0;
  for (; accepts_ < kAcceptsPerTick; ++accepts_) {
    if (!AcceptClient()) return;
  }
  PauseListener(Ticks{1});
}

// Whether it is worth trying again.
bool ControlSocket::AcceptClient() {
  Accepted accepted = AcceptConnection(listener_.fd());
  if (accepted.connection.valid()) {
    Admit(std::move(accepted.connection));
    return true;
  }
  if (accepted.refused != 0) RejectWithoutDescriptors();
  return false;
}

void ControlSocket::Admit(FileDescriptor fd) {
  Client client(std::move(fd));
  client.is_trusted = !is_trusted_ || is_trusted_(client.peer());
  client.active_at = clock_.Now();
  if (const absl::Status place = MakePlaceFor(client); !place.ok()) {
    const std::string why(place.message());
    Reject(client.fd(), why + ": try again later");
    if (!std::exchange(has_rejected_, true)) {
      spdlog::warn("control socket: {}, further ones are turned away", why);
    }
    return;
  }
  has_rejected_ = false;
  const ClientId id{++last_id_};
  epoll_event event{.events = EPOLLIN, .data = {.u64 = id.value}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client.fd(), &event) != 0) {
    Reject(client.fd(), "the kernel has no room to watch another client: try again later");
    return;
  }
  client.armed = event.events;
  spdlog::debug("control socket: client {} is process {} of user {}", id.value, client.peer().pid,
                client.peer().uid);
  clients_.try_emplace(id, std::move(client));
}

// The error says what is used up.
absl::Status ControlSocket::MakePlaceFor(const Client& newcomer) {
  size_t others = 0;
  size_t of_user = 0;
  for (const auto& [id, client] : clients_) {
    if (client.is_trusted) continue;
    ++others;
    if (client.peer().uid == newcomer.peer().uid) ++of_user;
  }
  if (!newcomer.is_trusted && of_user >= kMaxOfUser) {
    return absl::ResourceExhaustedError(
        fmt::format("{} clients of user {} are connected already", of_user, newcomer.peer().uid));
  }
  const bool has_place = clients_.size() < kMaxClients &&
                         (newcomer.is_trusted || others < kMaxClients - kTrustedPlaces);
  if (has_place || CloseOldestIdle()) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{} clients are connected already", clients_.size()));
}

bool ControlSocket::IsIdle(ClientId id, const Client& client) const {
  return client.input().size() == 0 && client.output().empty() && !client.is_streaming &&
         !(is_waiting_ && is_waiting_(id));
}

// Returns false if all are trusted, or at something.
bool ControlSocket::CloseOldestIdle() {
  auto oldest = clients_.end();
  for (auto i = clients_.begin(); i != clients_.end(); ++i) {
    if (i->second.is_trusted || !IsIdle(i->first, i->second)) continue;
    if (oldest == clients_.end() || i->second.active_at < oldest->second.active_at) oldest = i;
  }
  if (oldest == clients_.end()) return false;
  const ClientId id = oldest->first;
  Reject(oldest->second.fd(), "another client needs the place: connect again when there is work");
  Erase(oldest);
  if (on_disconnect_) on_disconnect_(id);
  return true;
}

// A client that is left in the backlog would wake every turn.
void ControlSocket::RejectWithoutDescriptors() {
  if (!std::exchange(has_rejected_, true)) {
    spdlog::warn("control socket: no file descriptors for further clients; raise the limit");
  }
  spare_ = FileDescriptor();
  {
    const Accepted accepted = AcceptConnection(listener_.fd());
    if (accepted.refused != 0) return PauseListener(kListenerPause);
    if (accepted.connection.valid()) {
      Reject(accepted.connection.get(), "the switch has no file descriptors left: try again later");
    }
  }
  spare_ = OpenSpare();
}

void ControlSocket::PauseListener(Ticks span) {
  listener_paused_until_ = clock_.Now() + span;
  epoll_event event{.events = 0, .data = {.u64 = kListenerTag}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.fd(), &event);
}

void ControlSocket::StopListening() {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.fd(), nullptr);
}

void ControlSocket::ResumeListener() {
  listener_paused_until_.reset();
  if (!spare_.valid()) spare_ = OpenSpare();
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kListenerTag}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.fd(), &event);
}

// --- Requests.

bool ControlSocket::MayServe(const Client& client) const {
  return client.replies_sent() && !out_of_room(client);
}

void ControlSocket::ServeRound() {
  // Begins where the last round ended, so that the first clients do not always get the room.
  const auto start = clients_.upper_bound(last_served_);
  for (auto i = start; i != clients_.end(); ++i) Serve(i->first, i->second);
  for (auto i = clients_.begin(); i != start; ++i) Serve(i->first, i->second);
}

void ControlSocket::Serve(ClientId id, Client& client) {
  if (!MayServe(client)) return;
  LineBuffer& input = client.input();
  if (client.hung_up() && !client.input_ended() && !input.has_line()) {
    client.Receive();  // there is no output any more that this could change
  }
  if (input.too_long()) {
    RefuseInput(id, client,
                fmt::format("a line longer than {} bytes: send smaller batches", kMaxLine));
    return;
  }
  if (!input.has_line()) return;
  last_served_ = id;
  client.active_at = clock_.Now();
  const std::string line = input.TakeLine();
  if (std::string reply = handler_ ? handler_(id, line) : ""; !reply.empty()) {
    Queue(client, std::move(reply), /*is_reply=*/true);
  }
}

void ControlSocket::RefuseInput(ClientId id, Client& client, std::string_view why) {
  spdlog::debug("control socket: client {} (process {}) is closed: {}", id.value, client.peer().pid,
                why);
  client.EndInput();
  Queue(client, ErrorLine(RpcError::kInvalidRequest, why), /*is_reply=*/true);
}

size_t ControlSocket::received() const {
  size_t sum = 0;
  for (const auto& [id, client] : clients_) sum += client.input().size();
  return sum;
}

void ControlSocket::LimitReceived() {
  while (received() > kMaxReceived) {
    const auto largest =
        std::max_element(clients_.begin(), clients_.end(), [](const auto& a, const auto& b) {
          return a.second.input().size() < b.second.input().size();
        });
    RefuseInput(largest->first, largest->second,
                "too much input waits, and most of it is this client's: end lines with '\\n', send "
                "smaller batches");
  }
}

// --- Output and the end.

bool ControlSocket::Push(ClientId id, std::string line) {
  if (!HasRoom(id)) return false;
  Queue(clients_.at(id), std::move(line), /*is_reply=*/false);
  return true;
}

bool ControlSocket::HasRoom(ClientId id) {
  const auto found = clients_.find(id);
  if (found == clients_.end() || found->second.hung_up()) return false;
  Client& client = found->second;
  if (client.output().unsent() <= kEventsLimit && !out_of_room(client)) return true;
  client.push_refused = true;
  return false;
}

void ControlSocket::MarkStreaming(ClientId id) {
  if (const auto found = clients_.find(id); found != clients_.end())
    found->second.is_streaming = true;
}

void ControlSocket::End(ClientId id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  found->second.is_streaming = false;
  found->second.EndInput();
}

size_t ControlSocket::unsent(ClientId id) const {
  const auto found = clients_.find(id);
  return found == clients_.end() ? 0 : found->second.output().unsent();
}

std::optional<ControlPeer> ControlSocket::peer(ClientId id) const {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return std::nullopt;
  return found->second.peer();
}

bool ControlSocket::HasHungUp(ClientId id) const {
  const auto found = clients_.find(id);
  return found == clients_.end() || found->second.HasHungUp();
}

void ControlSocket::Queue(Client& client, std::string line, bool is_reply) {
  Account(client, [&] {
    if (is_reply) {
      client.QueueReply(std::move(line), clock_.Now());
    } else {
      client.QueueEvent(std::move(line), clock_.Now());
    }
  });
}

// Changes the output of a client, and keeps held_ in step.
void ControlSocket::Account(Client& client, const std::function<void()>& change) {
  Discount(client, client.output().held());
  change();
  Count(client, client.output().held());
}

void ControlSocket::Count(const Client& client, size_t held) {
  held_ += held;
  if (!client.is_trusted) held_by_others_ += held;
}

void ControlSocket::Discount(const Client& client, size_t held) {
  held_ -= held;
  if (!client.is_trusted) held_by_others_ -= held;
}

bool ControlSocket::SendAndNotify() {
  for (auto& entry : clients_) {
    Client& client = entry.second;
    if (!client.output().empty() && !client.awaits_room()) {
      Account(client, [&] { client.Send(clock_.Now()); });
    }
  }
  CloseEnded();
  const bool has_told = NotifyWritable();
  for (auto& [id, client] : clients_) UpdateInterest(id, client);
  return has_told;
}

Tick ControlSocket::StallDeadline(const Client& client) const {
  if (client.is_streaming && !out_of_room(client)) return kNever;
  // Without room, all clients have a deadline: a client that reads a byte now and then would
  // prolong the state.
  return (out_of_room(client) ? client.unsent_since() : client.progress_at()) + kMaxStall;
}

ControlSocket::Clients::iterator ControlSocket::Erase(Clients::iterator client) {
  Discount(client->second, client->second.output().held());
  return clients_.erase(client);
}

void ControlSocket::CloseEnded() {
  const Tick now = clock_.Now();
  std::vector<ClientId> closed;
  for (auto i = clients_.begin(); i != clients_.end();) {
    const auto& [id, client] = *i;
    const bool stalled = !client.output().empty() && now >= StallDeadline(client);
    if (!stalled && !client.finished()) {
      ++i;
      continue;
    }
    if (stalled) {
      spdlog::info("control socket: client {} (process {}) does not read and is closed", id.value,
                   client.peer().pid);
    }
    closed.push_back(id);
    i = Erase(i);
  }
  if (!on_disconnect_) return;
  for (const ClientId id : closed) on_disconnect_(id);
}

bool ControlSocket::NotifyWritable() {
  bool has_told = false;
  for (auto& [id, client] : clients_) {
    // Half of the limit, so that the client is not told for every line that it reads.
    const bool has_room = client.output().unsent() <= kEventsLimit / 2 && !out_of_room(client);
    if (!client.push_refused || client.hung_up() || !has_room) continue;
    client.push_refused = false;
    has_told = true;
    if (on_writable_) on_writable_(id);
  }
  return has_told;
}

void ControlSocket::UpdateInterest(ClientId id, Client& client) {
  // Epoll is level-triggered, so only events that will be handled may be asked for. It reports a
  // hangup repeatedly even if no event is asked for.
  if (client.hung_up()) {
    if (client.watched) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client.fd(), nullptr);
    client.watched = false;
    return;
  }
  uint32_t wanted = 0;
  if (MayServe(client) && !client.input_ended() && !client.input().has_line()) wanted |= EPOLLIN;
  if (client.awaits_room()) wanted |= EPOLLOUT;
  if (wanted == client.armed) return;
  epoll_event event{.events = wanted, .data = {.u64 = id.value}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.fd(), &event);
  client.armed = wanted;
}

}  // namespace tapswitch
