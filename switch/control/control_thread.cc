#include "switch/control/control_thread.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <utility>
#include <variant>

#include "ports/os/thread_priority.h"
#include "ports/os/thread_start.h"
#include "switch/control/methods/files/startup_file.h"
#include "switch/control/methods/method_table.h"
#include "switch/control/rpc/json_rpc.h"

namespace tapswitch {
namespace {

BridgeConfig Initial(const ControlThread::Options& options) {
  BridgeConfig initial{.bridge = options.settings, .ports = {}, .mirrors = {}};
  for (const PortSpec& spec : options.ports) {
    initial.ports.push_back(NewPort(spec, initial.bridge));
  }
  return initial;
}

using Patience = std::optional<std::chrono::milliseconds>;  // nullopt: for ever

Patience Sooner(Patience a, Patience b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

ControlThread::ControlThread(Options options, BridgeControl::Identity identity,
                             const RunningSwitch& running, std::unique_ptr<ControlSocket> socket)
    : options_(std::move(options)),
      running_(running),
      initial_(Initial(options_)),
      socket_(std::move(socket)),
      control_(std::move(identity), running),
      monitor_([this](ClientId client, std::string line) {
        return socket_->Push(client, std::move(line));
      }),
      captures_(control_, running, socket_.get()),
      attacher_(control_, monitor_, running_, options_.attach),
      minder_(control_, running_),
      flaps_(control_),
      publisher_(control_, monitor_),
      overlay_(control_, running_,
               [this](std::string_view event, const MacEntry& entry) {
                 publisher_.PublishEntry(event, entry);
               }),
      context_{control_,
               monitor_,
               captures_,
               attacher_,
               publisher_,
               initial_,
               options_.adoption_file,
               options_.startup_file,
               options_.upgrade ? &upgrade_ : nullptr,
               &overlay_,
               &flaps_},
      upgrade_([this](const std::optional<std::string>& program) { return Upgrade(program); }) {}

ControlThread::~ControlThread() {
  if (thread_.joinable()) thread_.join();
}

absl::Status ControlThread::Start() {
  auto thread = StartThread("the thread that serves clients", [this] { Run(); });
  if (!thread.ok()) return thread.status();
  thread_ = *std::move(thread);
  return absl::OkStatus();
}

void ControlThread::Stop() {
  stopping_ = true;
  socket_->Wake();
}

void ControlThread::Reload() {
  reloading_ = true;
  socket_->Wake();
}

void ControlThread::Run() {
  // Nobody forwards while this takes over.
  if (options_.inheritance == nullptr) YieldToFrames();
  absl::Status started = SetUp();
  const bool serves = started.ok();
  if (options_.inheritance != nullptr) {
    if (!serves) options_.inheritance->Refuse(started);
    YieldToFrames();
  }
  options_.on_started(std::move(started));
  if (serves) {
    running_.commands.Call([] {});  // by now the worker has acted upon that
    options_.on_service();
    if (options_.keeping != nullptr) options_.keeping->Ready();
    Serve();
  }
  metrics_.reset();  // its threads ask the worker, too
  if (is_handed_over_) options_.on_handed_over();
  options_.on_finished();
}

absl::Status ControlThread::SetUp() {
  control_.set_before_forgetting([this](PortId port) {
    PublishEvents();
    captures_.ForgetPort(port);
    if (options_.keeping != nullptr) options_.keeping->OnRemoved(port);
  });
  control_.set_vni_host(&overlay_);
  control_.set_guest_links(&guests_);
  control_.set_missing_interfaces(MissingInterface::kAwaited);
  if (absl::Status made = MakePorts(); !made.ok()) return made;
  control_.set_missing_interfaces(MissingInterface::kRefused);
  if (options_.inheritance == nullptr) overlay_.RemoveLeftOvers();
  if (absl::Status attached = attacher_.Start(); !attached.ok()) return attached;
  if (absl::Status prepared = options_.before_service(); !prepared.ok()) return prepared;
  if (absl::Status watched = WatchEvents(); !watched.ok()) return watched;
  absl::Status done = options_.inheritance == nullptr ? ListenForScrapes() : TakeOver();
  if (done.ok() && options_.keeping != nullptr) {
    options_.keeping->Begin(control_, attacher_, metrics_listener());
  }
  return done;
}

absl::Status ControlThread::MakePorts() {
  if (options_.inheritance != nullptr) return options_.inheritance->Inherit(control_, context_);
  if (absl::Status changed = control_.Change(initial_); !changed.ok()) return changed;
  if (options_.startup_file.empty()) return absl::OkStatus();
  return RunStartupFile(options_.startup_file, context_);
}

// From here on there is no way back: what fails is said, and the switch goes on without it.
absl::Status ControlThread::TakeOver() {
  auto report = options_.inheritance->TakeOver();
  if (!report.ok()) return report.status();
  const double gap = std::chrono::duration<double, std::milli>(report->gap).count();
  if (report->after_death) {
    spdlog::warn("took the place of a process of version {} that was killed, with {} ports{}",
                 report->from_version, control_.config().ports.size(),
                 gap == 0 ? "" : fmt::format(": nobody forwarded for {:.1f} ms", gap));
  } else {
    spdlog::info("took over from version {}: nobody forwarded for {:.1f} ms", report->from_version,
                 gap);
  }
  for (const std::string& line : report->not_kept) spdlog::warn("not kept: {}", line);
  control_.set_handover(*std::move(report));
  FileDescriptor listener = options_.inheritance->TakeMetricsListener();
  options_.inheritance->WaitForEnd();
  if (const absl::Status listens = ListenForScrapes(std::move(listener)); !listens.ok()) {
    spdlog::error("no metrics: {}", std::string(listens.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<JsonText> ControlThread::Upgrade(const std::optional<std::string>& program) {
  flaps_.EndAll();
  auto answer = options_.upgrade(control_, attacher_, program, metrics_listener());
  is_handed_over_ = answer.ok();
  return answer;
}

// Those who watch are told, and what is under way to clients is sent.
void ControlThread::LeaveToSuccessor() {
  constexpr int kTurns = 8;
  constexpr std::chrono::milliseconds kPatience(1);
  socket_->StopListening();
  PublishEvents();
  monitor_.PublishToAll("bridge", "handed_over", {{"ifname", control_.identity().name}});
  EndCaptures();
  for (int i = 0; i < kTurns; ++i) socket_->Turn(kPatience);
}

absl::Status ControlThread::ListenForScrapes(FileDescriptor inherited) {
  if (options_.metrics_address.empty()) return absl::OkStatus();
  auto server = MetricsServer::Listen(
      options_.metrics_address,
      {.bridge = control_.identity().name,
       .version = options_.version,
       .start_time_seconds = static_cast<double>(std::time(nullptr))},
      [this] {
        SwitchSnapshot snapshot = running_.workers.Snapshot();
        control_.descriptions().FillIn(snapshot);
        overlay_.FillIn(snapshot);
        return std::optional(std::move(snapshot));
      },
      std::move(inherited));
  if (!server.ok()) return server.status();
  metrics_ = *std::move(server);
  return absl::OkStatus();
}

absl::Status ControlThread::WatchEvents() {
  socket_->set_handler([this](ClientId client, std::string_view line) {
    // An answer would have no place in the stream: whatever it says, it says that it is enough.
    if (captures_.Has(client)) {
      captures_.Stop(client);
      return std::string();
    }
    return AnswerLine(line, [&](const std::string& method, const nlohmann::json& params) {
      return Answer(method, {client, params});
    });
  });
  socket_->set_on_disconnect([this](ClientId client) {
    captures_.Forget(client);
    publisher_.Unsubscribe(client);
  });
  socket_->set_is_trusted([this](const ControlPeer& peer) { return policy_.IsTrusted(peer); });
  socket_->set_is_waiting([this](ClientId client) { return monitor_.HasReader(client); });
  socket_->set_on_writable([this](ClientId client) { monitor_.OnWritable(client); });
  if (absl::Status watched = captures_.Watch(); !watched.ok()) return watched;
  // The turn reads what they have.
  for (const int fd : {overlay_.fd(), guests_.fd()}) {
    if (absl::Status watched = socket_->Watch(fd, [] {}); !watched.ok()) return watched;
  }
  return socket_->Watch(running_.events.fd(), [this] { PublishEvents(); });
}

void ControlThread::PublishEvents() {
  const EventChannel::Taken taken = running_.events.Take();
  for (const SwitchEvent& event : taken.events) {
    if (const auto* const state = std::get_if<LinkStateEvent>(&event)) {
      minder_.OnLinkState(*state);
      if (options_.keeping != nullptr) options_.keeping->OnLinkState(state->port);
    }
    if (const auto* const link = std::get_if<LinkEvent>(&event)) {
      attacher_.OnLink(*link);
      overlay_.OnLink(*link);
    }
    if (std::holds_alternative<TableNewsEvent>(event)) overlay_.OnTableNews();
    if (std::holds_alternative<WorkerWantedEvent>(event)) options_.on_worker_wanted();
  }
  publisher_.PublishSwitchEvents(taken);
}

MethodResult ControlThread::Answer(const std::string& method, const MethodCall& call) {
  if (is_handed_over_) {
    return absl::UnavailableError("another process has taken over in this moment: call again");
  }
  // Clients that ask and leave would keep those waiting who stay.
  if (KindOf(method) == MethodKind::kReads && socket_->HasHungUp(call.client)) {
    return absl::CancelledError("nobody is there to read the answer: stay connected");
  }
  const ControlPeer peer = socket_->peer(call.client).value_or(ControlPeer{});
  if (!KindOf(method)) return CallFor(peer, method, call);  // which says that there is none
  if (absl::Status may = policy_.Check(peer, method, call.params); !may.ok()) return may;
  if (method != "port.add" || policy_.IsTrusted(peer)) return CallFor(peer, method, call);
  if (absl::Status may = quota_.Check(peer.uid, call.params, control_.config()); !may.ok()) {
    return may;
  }
  auto added = CallFor(peer, method, call);
  if (added.ok()) quota_.Record(peer.uid, call.params);
  return added;
}

MethodResult ControlThread::CallFor(const ControlPeer& peer, const std::string& method,
                                    const MethodCall& call) {
  auto result = CallMethod(context_, method, call);
  if (!result.ok() || KindOf(method) != MethodKind::kChanges) return result;
  if (monitor_.IsWatched("config")) {
    monitor_.Publish("config", "changed", ShowChange(peer, method, call.params));
  }
  const auto line = changes_.Line(peer, method, call.params, ChangeLog::Clock::now());
  if (line) spdlog::info("{}", *line);
  return result;
}

void ControlThread::Serve() {
  while (!stopping_ && !is_handed_over_) {
    ReloadIfTold();
    // One at a time, so that clients do not wait for a thousand of them.
    attacher_.Step();
    minder_.Step();
    overlay_.Step();
    flaps_.Step();
    guests_.Step();
    publisher_.neighbours().Step();
    const Patience tables = Sooner(overlay_.Wait(), publisher_.neighbours().Wait());
    const Patience keeping = Sooner(KeepState(), tables);
    const Patience minding = Sooner(Sooner(flaps_.Wait(), guests_.Wait()), minder_.Wait());
    socket_->Turn(Sooner(keeping, Sooner(attacher_.patience(), minding)));
    captures_.Pump();
  }
  if (is_handed_over_) return LeaveToSuccessor();
  EndCaptures();
  EndOverlay();
}

// Devices that were made for VNIs go with the switch, and the routes of their stations with them.
void ControlThread::EndOverlay() {
  BridgeConfig wanted = control_.config();
  if (wanted.evpn.empty()) return;
  for (const EvpnConfig& vni : wanted.evpn) {
    std::erase_if(wanted.ports, [&](const PortConfig& port) {
      return vni.adds_port && port.spec.name == vni.dev;
    });
  }
  wanted.evpn.clear();
  if (const absl::Status ended = control_.Change(wanted); !ended.ok()) {
    spdlog::warn("evpn: {}", std::string(ended.message()));
  }
}

Patience ControlThread::KeepState() const {
  return options_.keeping == nullptr ? std::nullopt : options_.keeping->Step();
}

void ControlThread::ReloadIfTold() {
  if (!reloading_.exchange(false)) return;
  options_.on_reload();
  // It may be a terminal that has closed.
  if (options_.startup_file.empty()) {
    spdlog::warn("SIGHUP is ignored: there is no --startup file to apply again");
    return;
  }
  const auto applied = ApplyStartupFile(options_.startup_file, context_);
  if (applied.ok()) {
    spdlog::info("SIGHUP: reloaded");
  } else {
    spdlog::error("SIGHUP: not reloaded, and nothing has changed: {}",
                  std::string(applied.status().message()));
  }
}

// Those who read get the end of their files; nobody is waited for.
void ControlThread::EndCaptures() {
  constexpr int kTurns = 64;
  constexpr std::chrono::milliseconds kPatience(5);
  captures_.StopAll();
  for (int i = 0; i < kTurns && !captures_.empty(); ++i) {
    captures_.Pump();
    socket_->Turn(kPatience);
  }
}

}  // namespace tapswitch
