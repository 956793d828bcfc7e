#include "ports/vhost_user/vhost_backend.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "ports/os/thread_start.h"
#include "ports/os/unix/accept.h"
#include "ports/os/unix/hang_up.h"
#include "ports/vhost_user/features.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

using std::chrono::milliseconds;

// How often a socket is tried on which nobody listens, and a connection that could not be accepted.
constexpr milliseconds kRetryInterval(500);
// A front end may make so many requests in a row; then it waits a little.
constexpr uint32_t kRequestsInARow = 1000;
constexpr milliseconds kBreather(100);

UnixListener::Options ListenerOptions(const VhostOptions& options) {
  return {.what = fmt::format("port '{}'", options.name),
          .path = options.path,
          .mode = options.mode_bits,
          .user = options.user,
          .group = options.group,
          .patience = milliseconds(500)};
}

// Invalid, with errno, if nobody listens. Connecting to a Unix socket does not wait.
FileDescriptor ConnectTo(const std::string& path) {
  FileDescriptor connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!connection.valid()) return connection;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
      0) {
    return connection;
  }
  const int error = errno;
  connection = FileDescriptor();
  errno = error;
  return connection;
}

// Empty if nothing does, or nothing is negotiated yet.
std::string WhatMakesSlow(uint64_t features) {
  constexpr std::array kWanted{
      std::pair{virtio::kMrgRxbuf, "guest has no mergeable buffers"},
      std::pair{virtio::kGuestCsum, "guest takes no offloads"},
      std::pair{virtio::kEventIdx, "guest has no event index"},
  };
  std::vector<std::string_view> slow;
  for (const auto& [bit, lack] : kWanted) {
    if (features != 0 && ((features >> bit) & 1U) == 0) slow.emplace_back(lack);
  }
  return fmt::format("{}", fmt::join(slow, ", "));
}

}  // namespace

VhostBackend::Duration VhostBackend::BackOff::Next() {
  constexpr Duration kFirst(100);
  constexpr Duration kLongest(10'000);
  constexpr std::chrono::seconds kCalm(30);
  const auto now = std::chrono::steady_clock::now();
  pause_ = now - last_ > kCalm ? kFirst : std::clamp(2 * pause_, kFirst, kLongest);
  last_ = now;
  return pause_;
}

absl::StatusOr<std::shared_ptr<VhostBackend>> VhostBackend::Open(const VhostOptions& options,
                                                                 uint32_t pairs,
                                                                 PortHandover* inherited) {
  auto stop = WakeEvent::Create();
  auto fault = WakeEvent::Create();
  if (!stop.ok()) return stop.status();
  if (!fault.ok()) return fault.status();
  std::optional<UnixListener> listener;
  if (options.mode == VhostOptions::Mode::kServer) {
    FileDescriptor socket = inherited != nullptr ? inherited->Take("socket") : FileDescriptor();
    auto bound = UnixListener::Open(ListenerOptions(options), std::move(socket));
    if (!bound.ok()) return bound.status();
    listener.emplace(*std::move(bound));
  }
  std::shared_ptr<VhostBackend> backend(
      new VhostBackend(options, std::move(listener), *std::move(stop), *std::move(fault)));
  if (absl::Status made = backend->MakePairs(pairs); !made.ok()) return made;
  if (inherited != nullptr) backend->Freeze();
  auto thread = StartThread("the thread of a vhost port", [raw = backend.get()] { raw->Run(); });
  if (!thread.ok()) return thread.status();
  backend->thread_ = *std::move(thread);
  return backend;
}

VhostBackend::VhostBackend(VhostOptions options, std::optional<UnixListener> listener,
                           WakeEvent stop, WakeEvent fault)
    : options_(std::move(options)),
      listener_(std::move(listener)),
      stop_(std::move(stop)),
      fault_(std::move(fault)) {}

absl::Status VhostBackend::MakePairs(uint32_t pairs) {
  for (uint32_t i = 0; i < pairs; ++i) {
    auto doorbell = WakeEvent::Create();
    if (!doorbell.ok()) return doorbell.status();
    auto caller = GuestCaller::Create();
    if (!caller.ok()) return caller.status();
    pairs_.push_back(std::make_unique<QueuePair>(*std::move(doorbell), fault_, *std::move(caller)));
  }
  const MutexLock lock(serving_);
  session_.emplace(pairs_, options_.mtu);
  SetUnconnected();
  return absl::OkStatus();
}

VhostBackend::~VhostBackend() {
  stop_.Signal();
  if (thread_.joinable()) thread_.join();
}

void VhostBackend::Run() {
  while (Wait(Step())) {
  }
}

VhostBackend::Pause VhostBackend::Step() {
  constexpr Duration kFrozen(5);
  const MutexLock lock(serving_);
  if (is_frozen_) return {.files = {}, .limit = kFrozen};
  if (!connection_.valid()) return AwaitPeer();
  return ServeRequests();
}

bool VhostBackend::Wait(const Pause& pause) const {
  std::vector<pollfd> watched{{.fd = stop_.fd(), .events = POLLIN, .revents = 0}};
  for (const int fd : pause.files) watched.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  static_cast<void>(poll(watched.data(), watched.size(),
                         pause.limit ? static_cast<int>(pause.limit->count()) : -1));
  return watched.front().revents == 0;
}

// Nothing tells when somebody begins to listen, or when there are descriptors again. That is tried
// again and again, and not logged.
VhostBackend::Pause VhostBackend::AwaitPeer() {
  const std::string before = std::exchange(connect_error_, {});
  TryPeer();
  if (connection_.valid()) {
    BeginConnection();
    return {.files = {}, .limit = Duration(0)};
  }
  if (connect_error_ != before) SetUnconnected();
  if (listener_ && connect_error_.empty()) {
    return {.files = {listener_->fd()}, .limit = std::nullopt};
  }
  return {.files = {}, .limit = kRetryInterval};
}

void VhostBackend::TryPeer() {
  if (!reader_.is_able()) {
    connect_error_ = "files that were sent before cannot be closed, as nobody answers for them";
    return;
  }
  if (listener_) {
    Accepted accepted = AcceptConnection(listener_->fd());
    connection_ = std::move(accepted.connection);
    if (accepted.refused != 0) connect_error_ = std::strerror(accepted.refused);
  } else {
    connection_ = ConnectTo(options_.path);
    if (!connection_.valid()) connect_error_ = std::strerror(errno);
  }
}

void VhostBackend::SetUnconnected() {
  VhostLink link{.mtu = options_.mtu};
  if (listener_) {
    link.reason = connect_error_.empty()
                      ? fmt::format("nobody is connected to {}", options_.path)
                      : fmt::format("cannot accept who connects to {}: {}; it is tried again",
                                    options_.path, connect_error_);
  } else {
    link.reason = fmt::format("cannot connect to {}: {}; it is tried again", options_.path,
                              connect_error_.empty() ? "it is about to" : connect_error_);
  }
  for (const auto& pair : pairs_) pair->SetLink(link);
  const MutexLock lock(report_mutex_);
  report_.peer.clear();
  report_.summary = {};
}

void VhostBackend::BeginConnection() {
  const std::string peer = DescribePeer(connection_.get());
  {
    const MutexLock lock(report_mutex_);
    report_.peer = peer;
    ++report_.connections;
  }
  LogConnection(true, peer);
}

void VhostBackend::EndConnection(std::string_view why) {
  connection_ = FileDescriptor();
  reader_.Clear();
  session_->Reset();
  SetUnconnected();
  LogConnection(false, why);
}

VhostBackend::Pause VhostBackend::ServeRequests() {
  Pause until_next{.files = {connection_.get(), fault_.fd()}, .limit = std::nullopt};
  for (uint32_t served = 0; served < kRequestsInARow; ++served) {
    // A request could start the ring again.
    if (const auto pause = TakeFaults()) return {.files = {}, .limit = pause};
    auto received = reader_.Read(connection_.get());
    absl::StatusOr<VhostSession::Reply> reply = VhostSession::Reply();
    if (!received.ok()) {
      reply = received.status();
    } else if (!received->has_value()) {
      return until_next;
    } else {
      reply = session_->Handle((*received)->message, std::move((*received)->files));
    }
    UpdateReport();
    if (reply.ok() && Answer(*reply)) continue;
    const std::string why(reply.ok() ? "it does not read the answers to its requests"
                                     : reply.status().message());
    const bool is_end = absl::IsCancelled(reply.status());
    EndConnection(why);
    return {.files = {}, .limit = is_end ? Duration(0) : OnOffence(why)};
  }
  return {.files = {}, .limit = kBreather};
}

bool VhostBackend::Answer(const VhostSession::Reply& reply) const {
  if (!reply) return true;
  return send(connection_.get(), reply->data(), reply->size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(reply->size());
}

// Returns how long the front end has to wait, if a ring has broken. What one that has hung up does
// with its memory is no offence.
std::optional<VhostBackend::Duration> VhostBackend::TakeFaults() {
  fault_.Clear();
  const std::string fault = session_->TakeFaults();
  if (fault.empty()) return std::nullopt;
  if (HasHungUp(connection_.get())) {
    EndConnection("it hung up");
    return Duration(0);
  }
  spdlog::warn("port {}: {}", options_.name, fault);
  UpdateReport();
  return OnOffence(fault);
}

VhostBackend::Duration VhostBackend::OnOffence(std::string_view what) {
  {
    const MutexLock lock(report_mutex_);
    report_.last_error = what;
    ++report_.offences;
  }
  return back_off_.Next();
}

void VhostBackend::UpdateReport() {
  const MutexLock lock(report_mutex_);
  report_.summary = session_->summary();
  ++report_.requests;
}

// One that connects over and over does not hide other messages.
void VhostBackend::LogConnection(bool begins, std::string_view what) {
  constexpr uint32_t kMostASecond = 5;
  if (!begins) {
    if (connection_is_logged_) {
      spdlog::info("port {}: the connection has ended: {}", options_.name, what);
    }
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - log_second_ >= std::chrono::seconds(1)) {
    log_second_ = now;
    logged_ = 0;
  }
  connection_is_logged_ = logged_ < kMostASecond;
  if (!connection_is_logged_) return;
  ++logged_;
  spdlog::info("port {}: connected to {}", options_.name, what);
}

bool VhostBackend::HandOverListener(PortHandover& to) const {
  return !listener_ || to.AddCopy("socket", listener_->fd());
}

bool VhostBackend::HandOver(PortHandover& to) const {
  const MutexLock lock(serving_);
  if (!connection_.valid()) return true;
  return to.AddCopy("connection", connection_.get()) && reader_.Save(to) && session_->Save(to);
}

void VhostBackend::TakeOver(PortHandover& from) {
  const MutexLock lock(serving_);
  if (!from.has("connection") || connection_.valid()) return;
  connection_ = from.Take("connection");
  BeginConnection();
  reader_.Restore(from);
  const absl::Status restored = session_->Restore(from);
  if (!restored.ok()) return EndConnection(std::string(restored.message()));
  UpdateReport();
}

VhostBackend::Facts VhostBackend::Get() const {
  Report report;
  {
    const MutexLock lock(report_mutex_);
    report = report_;
  }
  VringCounters all;
  for (const auto& pair : pairs_) {
    all += pair->counters(VringSide::kToGuest);
    all += pair->counters(VringSide::kFromGuest);
  }
  const VhostSession::Summary& summary = report.summary;
  Facts details{
      {"peer", report.peer.empty() ? "nobody" : report.peer},
      {"connections", fmt::format("{}", report.connections)},
      {"features", NamesOfFeatures(summary.features)},
      {"rings", fmt::format("{} of {} run, {} pairs are enabled, {} entries", summary.rings,
                            2 * pairs_.size(), summary.enabled_pairs, summary.ring_size)},
      {"memory", fmt::format("{} regions, {} MiB", summary.regions, summary.memory_bytes >> 20U)},
      {"kicks", fmt::format("{}", all.kicks)},
      {"calls", fmt::format("{}", all.calls)},
      {"calls_spared", fmt::format("{}", all.spared)}};
  if (const std::string slow = WhatMakesSlow(summary.features); !slow.empty()) {
    details.emplace_back("slow", slow);
  }
  if (!summary.refused.empty()) details.emplace_back("refused", summary.refused);
  if (report.offences > 0) {
    details.emplace_back("offences", fmt::format("{}", report.offences));
    details.emplace_back("last_error", report.last_error);
  }
  return details;
}

}  // namespace tapswitch
