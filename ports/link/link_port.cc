#include "ports/link/link_port.h"

#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <utility>

#include "ports/link/link_connection.h"
#include "ports/os/unix/accept.h"
#include "ports/os/unix/hang_up.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// In calls of Retry, of which there are ten a second: a tenth of a second to one second.
constexpr uint32_t kLeastPause = 1;
constexpr uint32_t kMostPause = 10;

constexpr size_t kMostUnsent = FrameQueue::kMaxBytes + FrameQueue::kMaxFrames * sizeof(uint32_t);

constexpr mode_t kSocketMode = 0660;

absl::StatusOr<UnixListener> Listen(const LinkOptions& options, const LinkPlace& own,
                                    FileDescriptor inherited) {
  constexpr std::chrono::milliseconds kPatience(500);
  return UnixListener::Open({.what = fmt::format("port '{}'", options.name),
                             .path = LinkSocketPath(own.control_socket, options.name),
                             .type = SOCK_SEQPACKET,
                             .mode = kSocketMode,
                             .user = own.user,
                             .group = own.group,
                             .patience = kPatience},
                            std::move(inherited));
}

}  // namespace

LinkPort::LinkPort(PortIdentity identity, Meeting meeting, LinkHello own)
    : identity_(std::move(identity)), meeting_(std::move(meeting)), own_(std::move(own)) {
  status_.mtu = own_.mtu;
  status_.accepted = OffloadSet::All();
  Wait("");
}

LinkPort::~LinkPort() = default;

Tag LinkPort::ListenerTag() const {
  return {.operation = Operation::kPoll,
          .port = identity_.id,
          .generation = identity_.generation,
          .slot = 0};
}

Tag LinkPort::ConnectionTag() const {
  constexpr uint32_t kSlotMask = 0xFFFFFE;
  Tag tag = ListenerTag();
  tag.slot = 1 + watched_ % kSlotMask;
  return tag;
}

// ---- Life

absl::Status LinkPort::Start(Ring& ring) {
  auto frames = FrameSocket::Make();
  if (!frames.ok()) return frames.status();
  frames_ = *std::move(frames);
  if (meeting_.listener) {
    absl::Status watched = ring.Watch(meeting_.listener->fd(), ListenerTag());
    if (!watched.ok()) return watched;
  }
  ring_ = &ring;
  if (!meeting_.listener && !meeting_.is_inherited) Connect();
  return absl::OkStatus();
}

// Also while it has paused, as nobody asks again when it resumes.
bool LinkPort::wants_retry() const {
  if (closing_ || ring_ == nullptr) return false;
  return starved_ || pace_.wants_refill() || (!meeting_.listener && !frames_->is_open());
}

void LinkPort::Retry() {
  pace_.Refill();
  if (pause_wanted_ || !wants_retry()) return;
  has_clients_ = has_clients_ || std::exchange(starved_, false);
  if (meeting_.listener) return;
  if (pauses_ > 0) {
    --pauses_;
    return;
  }
  pause_ = std::min(std::max(2 * pause_, kLeastPause), kMostPause);
  pauses_ = pause_;
  Connect();
}

bool LinkPort::Pause() {
  pause_wanted_ = true;
  return true;
}

// A new watch reports again what was reported meanwhile.
void LinkPort::Resume() {
  if (!std::exchange(pause_wanted_, false) || closing_ || ring_ == nullptr) return;
  if (meeting_.listener) {
    ring_->Unwatch(meeting_.listener->fd(), ListenerTag());
    const absl::Status watched = ring_->Watch(meeting_.listener->fd(), ListenerTag());
    if (!watched.ok()) {
      spdlog::error("port {}: nobody can connect any more: {}: add it again", identity_.name,
                    std::string(watched.message()));
    }
  }
  if (!frames_->is_open()) return;
  ring_->Unwatch(frames_->fd(), ConnectionTag());
  if (absl::Status watched = WatchConnection(); !watched.ok()) {
    return Disconnect(std::string(watched.message()));
  }
  frames_->SendQueued(*identity_.counters);
  AwaitWritability();
}

void LinkPort::BeginClose() {
  if (std::exchange(closing_, true)) return;
  if (ring_ != nullptr) {
    if (meeting_.listener) ring_->Unwatch(meeting_.listener->fd(), ListenerTag());
    if (frames_->is_open()) Disconnect("");
  }
  status_.link_up = false;
  status_.reason = "closing";
}

// ---- The connection

void LinkPort::Connect() {
  LinkAttempt attempt = ConnectToLink(meeting_.paths, meeting_.is_trusted_only);
  if (!attempt.connection.valid()) return Wait(attempt.why_not);
  if (absl::Status begun = Begin(std::move(attempt.connection)); !begun.ok()) {
    Disconnect(std::string(begun.message()));
  }
}

bool LinkPort::Accept() {
  if (!pace_.may_accept()) {
    has_clients_ = false;
    starved_ = true;
    return false;
  }
  Accepted client = AcceptConnection(meeting_.listener->fd());
  if (!client.connection.valid()) {
    has_clients_ = false;
    starved_ = client.refused != 0;
    return false;
  }
  pace_.Count();
  if (peer_ && !HasHungUp(frames_->fd())) {
    LinkHello refusal = own_;
    refusal.answer = LinkHello::Answer::kTaken;
    static_cast<void>(Greet(client.connection.get(), refusal));
    return true;
  }
  if (frames_->is_open()) Disconnect("another one takes its place");
  if (absl::Status begun = Begin(std::move(client.connection)); !begun.ok()) {
    Disconnect(std::string(begun.message()));
  }
  return true;
}

absl::Status LinkPort::Begin(FileDescriptor connection) {
  frames_->Open(std::move(connection));
  absl::Status watched = WatchConnection();
  if (watched.ok() && !Greet(frames_->fd(), own_)) return absl::UnavailableError("it hung up");
  return watched;
}

absl::Status LinkPort::WatchConnection() {
  ++watched_;
  awaits_writability_ = false;
  return ring_->Watch(frames_->fd(), ConnectionTag());
}

bool LinkPort::TakeGreeting() {
  const auto hello = ReadGreeting(frames_->fd());
  if (!hello.ok()) {
    Disconnect(std::string(hello.status().message()));
    return false;
  }
  if (!*hello) return false;
  if ((*hello)->answer == LinkHello::Answer::kTaken) {
    Disconnect(fmt::format("{} is linked with another one", DescribeLinkEnd(**hello)));
    return false;
  }
  BecomeUp(**hello);
  return true;
}

void LinkPort::BecomeUp(const LinkHello& peer) {
  peer_ = peer;
  peer_process_ = DescribePeer(frames_->fd());
  pause_ = pauses_ = 0;
  ++links_;
  status_.link_up = true;
  status_.reason.clear();
  status_.mtu = std::min(own_.mtu, peer.mtu);
  ShowDetails();
  spdlog::info("port {}: up, linked with {} ({})", identity_.name, DescribeLinkEnd(peer),
               peer_process_);
}

// Frames that were received in this turn stay where they are.
void LinkPort::Disconnect(std::string_view why) {
  ring_->Unwatch(frames_->fd(), ConnectionTag());
  awaits_writability_ = false;
  frames_->Close(*identity_.counters);
  const bool was_up = std::exchange(peer_, std::nullopt).has_value();
  if (closing_) return;
  if (was_up) spdlog::info("port {}: the link has ended: {}", identity_.name, why);
  Wait(was_up || meeting_.listener ? "" : why);
}

void LinkPort::Wait(std::string_view why) {
  status_.link_up = false;
  status_.mtu = own_.mtu;
  status_.reason = fmt::format("waiting for {}{}{}", meeting_.where, why.empty() ? "" : ": ", why);
  ShowDetails();
}

void LinkPort::ShowDetails() {
  PortDetails::Facts facts{{meeting_.listener ? "socket" : "to", meeting_.address}};
  facts.emplace_back("peer", peer_ ? DescribeLinkEnd(*peer_) : "nobody");
  if (peer_) facts.emplace_back("peer_process", peer_process_);
  facts.emplace_back("links", fmt::format("{}", links_));
  details_->Set(std::move(facts));
}

// ---- Frames

void LinkPort::OnCompletions(std::span<const Completion> completions, FrameBatch& /*received*/) {
  for (const Completion& completion : completions) {
    if (completion.tag == ListenerTag()) has_clients_ = true;
    const bool is_writable = (static_cast<uint32_t>(completion.result) & POLLOUT) != 0;
    if (completion.tag != ConnectionTag() || !is_writable || !peer_ || pause_wanted_) continue;
    frames_->SendQueued(*identity_.counters);
    AwaitWritability();
  }
}

bool LinkPort::Receive(FrameBatch& received) {
  if (closing_ || pause_wanted_ || ring_ == nullptr) return false;
  const bool may_be_more = has_clients_ && meeting_.listener && Accept();
  if (!frames_->is_open()) return may_be_more;
  if (!peer_) return TakeGreeting() || may_be_more;
  const FrameSocket::Input input = frames_->Receive(identity_, limit_, received);
  if (input == FrameSocket::Input::kEnded) Disconnect("the other end hung up");
  return input == FrameSocket::Input::kMore || may_be_more;
}

void LinkPort::Send(std::span<const WireFrame> frames) {
  if (!status_.link_up || closing_) {
    return identity_.counters->Drop(DropReason::kLinkDown, frames.size());
  }
  frames_->Send(frames, *identity_.counters);
  AwaitWritability();
}

// Writability is reported while frames wait.
void LinkPort::AwaitWritability() {
  const bool is_wanted = !frames_->queue().empty();
  if (std::exchange(awaits_writability_, is_wanted) == is_wanted) return;
  ring_->WatchWritability(frames_->fd(), ConnectionTag(), is_wanted);
}

// ---- Handover

bool LinkPort::HandOver(size_t /*queue*/, PortHandover& to) const {
  return !meeting_.listener || to.AddCopy("socket", meeting_.listener->fd());
}

// A connection that is not up yet is not handed over: it ends, and is made again.
bool LinkPort::HandOverPaused(PortHandover& to) const {
  if (!peer_) return true;
  bool is_complete =
      to.AddCopy("connection", frames_->fd()) && to.AddBytes("hello", StoreLinkHello(*peer_));
  to.numbers["links"] = links_;
  if (!frames_->queue().empty()) {
    is_complete = is_complete && to.AddBytes("unsent", frames_->queue().Save());
  }
  return is_complete;
}

void LinkPort::TakeOverPaused(PortHandover& from) {
  if (!from.has("connection") || frames_ == nullptr || frames_->is_open() || closing_) return;
  const auto peer = ParseLinkHello(from.TakeBytes("hello", kLinkHelloSize));
  frames_->Open(from.Take("connection"));
  links_ = static_cast<uint32_t>(std::max<uint64_t>(from.number("links"), 1) - 1);
  const bool is_whole = frames_->queue().Restore(from.TakeBytes("unsent", kMostUnsent));
  if (absl::Status watched = WatchConnection(); !watched.ok()) {
    return Disconnect(std::string(watched.message()));
  }
  if (!peer.ok() || !is_whole) return Disconnect("it was not handed over whole");
  BecomeUp(*peer);
}

// ---- Opening

absl::StatusOr<std::unique_ptr<Port>> OpenLinkPort(const PortIdentity& identity,
                                                   const LinkOptions& options, const LinkPlace& own,
                                                   PortHandover* inherited) {
  const LinkHello hello{.mtu = options.mtu, .bridge = own.bridge, .port = options.name};
  const std::string own_path = LinkSocketPath(own.control_socket, options.name);
  if (!options.to) {
    auto listener =
        Listen(options, own, inherited != nullptr ? inherited->Take("socket") : FileDescriptor());
    if (!listener.ok()) return listener.status();
    LinkPort::Meeting meeting{.listener = *std::move(listener),
                              .where = fmt::format("a link to {}:{}", own.bridge, options.name),
                              .address = own_path};
    return std::make_unique<LinkPort>(identity, std::move(meeting), hello);
  }
  const LinkTarget& to = *options.to;
  LinkPort::Meeting meeting{.paths = LinkSocketPaths(to, own),
                            .is_trusted_only = !to.is_path(),
                            .is_inherited = inherited != nullptr,
                            .where = fmt::format("switch {} port {}", to.bridge, to.port),
                            .address = fmt::format("{}:{}", to.bridge, to.port)};
  if (std::find(meeting.paths.begin(), meeting.paths.end(), own_path) != meeting.paths.end()) {
    return absl::InvalidArgumentError(
        fmt::format("port '{}': to={} is this port itself: name a port of another switch",
                    options.name, meeting.address));
  }
  return std::make_unique<LinkPort>(identity, std::move(meeting), hello);
}

}  // namespace tapswitch
