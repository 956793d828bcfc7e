#include "switch/process/daemon.h"

#include <spdlog/spdlog.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ports/netlink/random_address.h"
#include "ports/os/clock.h"
#include "ports/ring/ring_factory.h"
#include "switch/control/adopt/adoption_record.h"
#include "switch/control/attach/attach_rule.h"
#include "switch/control/control_thread.h"
#include "switch/forwarding/bridge.h"
#include "switch/handover/predecessor.h"
#include "switch/handover/successor.h"
#include "switch/process/heir.h"
#include "switch/process/log.h"
#include "switch/process/parts.h"
#include "switch/process/privileges.h"
#include "switch/process/randomness.h"
#include "switch/process/signals.h"
#include "switch/protocol/bridge_protocols.h"
#include "switch/workers/affinity.h"
#include "switch/workers/channels/command_queue.h"
#include "switch/workers/channels/event_channel.h"
#include "switch/workers/channels/fdb_publisher.h"
#include "switch/workers/channels/notification.h"
#include "switch/workers/link_thread.h"
#include "switch/workers/offload/flow_offload.h"
#include "switch/workers/primary_worker.h"
#include "switch/workers/secondary_worker.h"
#include "switch/workers/shared_bridge.h"
#include "switch/workers/workers.h"

namespace tapswitch {
namespace {

// Slots of kReadiness completions.
constexpr uint32_t kSignalSlot = 0;
constexpr uint32_t kCommandSlot = 1;
constexpr uint32_t kCallSlot = 2;

class Daemon {
 public:
  // NOLINTNEXTLINE(modernize-pass-by-value): it is read after it was copied
  Daemon(const Config& config, const ProgramImage& program, const SwitchOccasions& occasions,
         Parts parts, std::unique_ptr<Successor> inherited, Keeping keeping)
      : config_(config),
        program_(program),
        occasions_(occasions),
        inherited_(std::move(inherited)),
        keeping_(std::move(keeping)),
        signals_(std::move(parts.signals)),
        commands_(std::move(parts.commands)),
        call_(std::move(parts.call)),
        events_(std::move(parts.events)),
        clock_(std::move(parts.clock)),
        socket_(std::move(parts.socket)),
        ring_(std::move(parts.ring)),
        most_workers_(config.workers.value_or(MostWorkers(AllowedCpus().size()))),
        bridge_({.capacity = config.fdb_max, .ageing = config.ageing, .salt = RandomNumber()}),
        shared_(bridge_,
                most_workers_ > 1 ? SharedBridge::Users::kSeveral : SharedBridge::Users::kOne),
        netns_(parts.netns),
        kernel_(std::move(parts.kernel)),
        links_(std::move(parts.links)),
        worker_(*ring_.ring, *clock_, bridge_, shared_) {
    worker_.lane().set_joins_frames(config.gro);
    worker_.lane().set_busy_poll(config.busy_poll);
    worker_.lane().set_on_readiness([this](uint32_t slot) { OnReadiness(slot); });
    worker_.set_on_link_state([this](const Port& port, const PortStatus& status) {
      events_->Publish(LinkStateEvent{port.identity().id, status.link_up, status.reason});
    });
    worker_.set_on_status([this](const Port& port) { workers_.OnPortStatus(port); });
    worker_.set_on_release([this] { workers_.OnRelease(); });
    worker_.set_on_alarm([this](const Alarm& alarm) { events_->Publish(alarm); });
    worker_.set_on_protocols([this](Tick now) {
      for (const auto& event : protocols_.TakeEvents(now)) events_->Publish(event);
    });
    worker_.set_on_recovery([this](PortId port) { events_->Publish(RecoveryEvent{port}); });
    if (kernel_.kernel == nullptr) return;
    workers_.OfferFlows(flows_.emplace(bridge_, *kernel_.kernel));
  }

  absl::Status Run() {
    for (const auto& [fd, slot] :
         {std::pair{signals_.fd(), kSignalSlot}, std::pair{commands_->fd(), kCommandSlot},
          std::pair{call_.fd(), kCallSlot}}) {
      const Tag tag{.operation = Operation::kReadiness, .slot = slot};
      if (absl::Status watched = ring_.ring->Watch(fd, tag); !watched.ok()) return watched;
    }
    if (absl::Status started = StartLinks(); !started.ok()) return started;
    const std::vector<int> cpus = config_.workers > 1U ? AllowedCpus() : std::vector<int>();
    if (absl::Status started = StartSecondaries(cpus); !started.ok()) return started;
    const MacAddress address = inherited_ ? inherited_->state().address : RandomAddress();
    const SipKey key = inherited_ ? inherited_->state().probe_key : RandomKey();
    const Tick started = inherited_ ? inherited_->state().started : clock_->Now();
    protocols_.loop_detector().SetSender({.bridge = address, .key = key});
    protocols_.neighbours().table().SetKey(RandomKey());
    protocols_.multicast().SetAddress(address);
    static_cast<void>(bridge_.table().Set(
        {.address = address, .port = kBridgePort, .state = MacEntryState::kPermanent},
        clock_->Now()));
    control_listener_ = socket_->listener();
    ControlThread control(ControlOptions(), {config_.name, address, ring_.explanation, started},
                          Running(), std::move(socket_));
    control_ = &control;
    if (started_ = control.Start(); !started_.ok()) stopping_ = control_finished_ = true;
    PinThread(cpus, 0);  // after the control thread, which would inherit it
    while (!stopping_) TakeTurn();
    control.Stop();
    // The work may need turns of this thread, as the removal of a port does.
    while (!control_finished_) TakeTurn();
    control_ = nullptr;
    links_->Stop();
    workers_.StopSecondaries();
    worker_.CloseAll();
    // A process that does not get to take over leaves all as it is.
    PartStore* const store = keeping_.store();
    if (store != nullptr && (has_started_ || inherited_ == nullptr)) store->End();
    if (started_.ok()) LogCounters();
    return started_;
  }

  [[nodiscard]] bool has_taken_over() const { return has_started_; }

 private:
  // The worker acts upon what the link thread tells between two batches.
  absl::Status StartLinks() {
    return links_->Start({.on_change =
                              [this](const LinkEvent& link, std::function<void()> taken) {
                                commands_->Post([this, link, taken = std::move(taken)] {
                                  OnLinkChange(link);
                                  taken();
                                });
                              },
                          .on_answer =
                              [this](PortId id, uint16_t generation) {
                                commands_->Post([this, id, generation] {
                                  worker_.OnLinkAnswer(id, generation);
                                  workers_.OnLinkAnswer(id, generation);
                                });
                              }});
  }

  // This follows the ports, so that readers of the event find their present state.
  void OnLinkChange(const LinkEvent& link) {
    worker_.OnLinkChange(link);
    workers_.OnLinkChange(link);
    if (link.netns == netns_) events_->Publish(link);
  }

  absl::Status StartSecondaries(const std::vector<int>& cpus) {
    for (size_t index = 1; index < config_.workers.value_or(1); ++index) {
      auto secondary = StartSecondary(index, cpus);
      if (!secondary.ok()) return secondary.status();
      workers_.Add(*std::move(secondary));
    }
    if (config_.workers || most_workers_ == 1) return absl::OkStatus();
    workers_.ShareBy({.most_workers = most_workers_,
                      .start_worker = [this] { events_->Publish(WorkerWantedEvent()); }});
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<SecondaryWorker>> StartSecondary(size_t index,
                                                                  const std::vector<int>& cpus) {
    return SecondaryWorker::Start({.index = index,
                                   .io = config_.io,
                                   .joins_frames = config_.gro,
                                   .busy_poll = config_.busy_poll,
                                   .cpus = cpus,
                                   .flows = flows_ ? &*flows_ : nullptr},
                                  *clock_, shared_, call_);
  }

  // By the control thread.
  void GrowWorkers() {
    auto secondary = StartSecondary(workers_.size(), {});
    if (!secondary.ok()) {
      spdlog::warn("cannot start another worker: {}", std::string(secondary.status().message()));
    }
    workers_.Grow(std::move(secondary));
  }

  RunningSwitch Running() {
    return {*commands_,
            *events_,
            fdb_publisher_,
            *clock_,
            bridge_,
            protocols_,
            worker_,
            workers_,
            *links_,
            kernel_.kernel.get(),
            flows_ ? &*flows_ : nullptr,
            kernel_.why_not,
            LinkPlaceOf(config_)};
  }

  // All of these are called by the control thread, and have this one act.
  ControlThread::Options ControlOptions() {
    return {.settings = {.ageing = config_.ageing,
                         .forwarding = {.vlan_filtering = config_.vlan_filtering}},
            .ports = config_.ports,
            .attach = ReadAttachRules(config_.attach).value(),  // CheckConfig has taken them
            .startup_file = config_.startup_file,
            .metrics_address = config_.metrics_address,
            .version = program_.version,
            .adoption_file = AdoptionFile(config_.control_socket),
            .before_service = [this] { return DropPrivileges(); },
            .on_started =
                [this](absl::Status started) {
                  commands_->Post([this, started = std::move(started)] { OnStarted(started); });
                },
            .on_service = occasions_.on_ready,
            .on_reload = occasions_.on_reload,
            .on_worker_wanted = [this] { GrowWorkers(); },
            .on_finished = [this] { commands_->Post([this] { control_finished_ = true; }); },
            .upgrade =
                [this](RunningBridge& control, const Attacher& attacher,
                       const std::optional<std::string>& program, int metrics_listener) {
                  return HandOverTo(program, program_, Running(), control, attacher,
                                    {.control_socket = control_listener_,
                                     .metrics = metrics_listener,
                                     .keeper = keeping_.keeper_fd(),
                                     .stored = keeping_.stored()});
                },
            .on_handed_over = occasions_.on_handed_over,
            .inheritance = inherited_ ? &heir_.emplace(*inherited_, Running()) : nullptr,
            .keeping = MakeStateKeeper()};
  }

  StateKeeping* MakeStateKeeper() {
    PartStore* const store = keeping_.store();
    if (store == nullptr) return nullptr;
    return &state_keeper_.emplace(StateKeeper::Options{.scope = keeping_.scope,
                                                       .version = program_.version,
                                                       .control_socket = control_listener_},
                                  *store, Running());
  }

  // Called by the control thread; capabilities are per thread, so all take part.
  absl::Status DropPrivileges() {
    if (!config_.user && !HasLoadedAllPrograms(kernel_)) return absl::OkStatus();
    return GiveUpPrivileges(config_.user, [this](PrivilegeStep step) {
      absl::Status own = step();
      if (own.ok()) own = workers_.CallOnEach(step);
      if (own.ok()) own = links_->Call(step);
      return own.ok() ? CallOnLogThread(step) : own;
    });
  }

  void TakeTurn() {
    worker_.Turn();
    workers_.OnTurn();
    if (std::exchange(has_commands_, false)) worker_.Run(*commands_);
    const LockedBridge bridge(shared_);
    if (fdb_publisher_.Publish()) call_.Signal();  // the rest in the next turn
  }

  void OnReadiness(uint32_t slot) {
    if (slot == kSignalSlot) {
      OnSignals();
    } else if (slot == kCommandSlot) {
      has_commands_ = true;  // they run between batches
    } else if (slot == kCallSlot) {
      call_.Clear();  // before this turn looks at what there is
    }
  }

  void OnStarted(const absl::Status& started) {
    started_ = started;
    has_started_ = started.ok();
    if (!started.ok()) {
      stopping_ = true;
      return;
    }
    const SwitchSnapshot snapshot = worker_.Snapshot();
    const size_t ports = snapshot.ports.size();
    spdlog::info("ready: bridge {} with {} {}, frames are carried by {}, control socket {}",
                 config_.name, ports, ports == 1 ? "port" : "ports", ring_.explanation,
                 config_.control_socket);
    Notify("READY=1");
  }

  void OnSignals() {
    while (const auto signal = signals_.Next()) {
      if (StopSignals::IsStop(*signal)) {
        OnStopSignal();
      } else if (*signal == SIGHUP && control_ != nullptr) {
        control_->Reload();
      } else {
        spdlog::warn("SIG{} is ignored: it has no meaning here; SIGTERM ends the switch",
                     sigabbrev_np(*signal));
      }
    }
  }

  void OnStopSignal() {
    if (stopping_) return;
    stopping_ = true;
    spdlog::info("stopping");
    Notify("STOPPING=1");
  }

  // Reports the dropped frames of each port with the reasons, so that no loss stays unnoticed.
  void LogCounters() {
    const LockedBridge bridge(shared_);
    for (const PortSnapshot& port : workers_.LastSnapshot().ports) {
      spdlog::info("{}: {}", port.name, CountersText(port.counters));
    }
  }

  // The workers go first: their ports refer to the ring, the link thread and the counters.
  Config config_;
  ProgramImage program_;
  SwitchOccasions occasions_;
  std::unique_ptr<Successor> inherited_;  // null: nobody hands over
  std::optional<Heir> heir_;
  Keeping keeping_;
  std::optional<StateKeeper> state_keeper_;
  int control_listener_ = -1;
  StopSignals signals_;
  std::unique_ptr<CommandQueue> commands_;
  WakeEvent call_;  // of a secondary worker, that the primary is to take a turn
  std::unique_ptr<EventChannel> events_;
  std::unique_ptr<SystemClock> clock_;
  std::unique_ptr<ControlSocket> socket_;
  ChosenRing ring_;
  const size_t most_workers_;
  Bridge bridge_;
  BridgeProtocols protocols_{bridge_};
  SharedBridge shared_;
  FdbPublisher fdb_publisher_{bridge_, *events_};
  ControlThread* control_ = nullptr;  // while it runs
  bool has_commands_ = false;
  bool stopping_ = false;
  bool control_finished_ = false;
  absl::Status started_;
  bool has_started_ = false;
  NetnsId netns_;  // the switch's own
  KernelPart kernel_;
  std::optional<FlowOffload> flows_;
  std::unique_ptr<LinkThread> links_;
  PrimaryWorker worker_;
  Workers workers_{*commands_, worker_, bridge_, protocols_};
};

// Has a daemon go on with what `successor` has.
absl::Status RunSuccessor(const Config& config, const ProgramImage& program,
                          const SwitchOccasions& occasions, std::unique_ptr<Successor> successor,
                          Keeping keeping) {
  // What the startup file says was carried out by the first process.
  Config without_startup = config;
  without_startup.startup_file.clear();
  if (absl::Status checked = CheckConfig(without_startup); !checked.ok()) {
    EndRefusing(successor.get(), checked);
  }
  auto parts = MakeParts(config, &successor->state());
  if (!parts.ok()) EndRefusing(successor.get(), parts.status());
  const Successor* const refusing = successor.get();
  Daemon daemon(config, program, occasions, *std::move(parts), std::move(successor),
                std::move(keeping));
  absl::Status ran = daemon.Run();
  if (!daemon.has_taken_over()) EndRefusing(refusing, ran);
  return ran;
}

absl::Status TakeOver(const Config& config, const ProgramImage& program,
                      const SwitchOccasions& occasions, const SwitchStart& start) {
  auto successor = Successor::Receive(*start.take_over);
  if (!successor.ok()) EndRefusing(nullptr, successor.status());
  Keeping keeping = InheritKeeping((*successor)->state(), start.is_supervised);
  return RunSuccessor(config, program, occasions, *std::move(successor), std::move(keeping));
}

}  // namespace

absl::Status RunSwitch(const Config& config, const ProgramImage& program,
                       const SwitchOccasions& occasions, SwitchStart start) {
  if (start.take_over) return TakeOver(config, program, occasions, start);
  auto recovered = RecoverKept(start.keeping, [&] { return GiveUpRightsEarly(config.user); });
  if (!recovered.ok()) return recovered.status();
  if (*recovered != nullptr) {
    return RunSuccessor(config, program, occasions, *std::move(recovered),
                        std::move(start.keeping));
  }
  auto parts = MakeFirstParts(config);
  if (!parts.ok()) return parts.status();
  Daemon daemon(config, program, occasions, *std::move(parts), nullptr, std::move(start.keeping));
  return daemon.Run();
}

}  // namespace tapswitch
