// The thread that runs the bridge: it opens the ports that the command line names, carries out the
// startup file, then serves clients, while the worker's thread forwards.

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "ports/port_spec.h"
#include "switch/control/apply/carrier_flaps.h"
#include "switch/control/apply/running_bridge.h"
#include "switch/control/attach/attach_rule.h"
#include "switch/control/attach/attacher.h"
#include "switch/control/attach/interface_minder.h"
#include "switch/control/config/port_quota.h"
#include "switch/control/evpn/overlay.h"
#include "switch/control/guests/guest_links.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method.h"
#include "switch/control/methods/observe/captures.h"
#include "switch/control/metrics/metrics_server.h"
#include "switch/control/rpc/change_log.h"
#include "switch/control/rpc/client_policy.h"
#include "switch/control/rpc/control_socket.h"
#include "switch/control/rpc/monitor.h"
#include "switch/control/state_keeping.h"

namespace tapswitch {

// The state that another process hands over, as the control thread takes it. That thread calls all.
class Inheritance {
 public:
  virtual ~Inheritance() = default;
  Inheritance(const Inheritance&) = delete;
  Inheritance& operator=(const Inheritance&) = delete;

  // Takes the place of the ports and the startup file.
  [[nodiscard]] virtual absl::Status Inherit(RunningBridge& control,
                                             const MethodContext& context) = 0;
  // All is prepared: forwards from now on.
  [[nodiscard]] virtual absl::StatusOr<HandoverReport> TakeOver() = 0;
  // The socket on which the other process has listened for scrapes; invalid if it has not.
  [[nodiscard]] virtual FileDescriptor TakeMetricsListener() = 0;
  // The other process may end: returns when it has.
  virtual void WaitForEnd() = 0;
  // The switch cannot be taken over. It does not return.
  virtual void Refuse(const absl::Status& why) = 0;

 protected:
  Inheritance() = default;
};

class ControlThread {
 public:
  struct Options {
    BridgeSettings settings;
    std::vector<PortSpec> ports;
    std::vector<AttachRule> attach;
    std::string startup_file;     // tapctl commands; empty: none
    std::string metrics_address;  // empty: none
    std::string version;          // of the program, for metrics
    std::string adoption_file;    // see MethodContext
    // Called on the thread once everything is as wanted, before the first client is served.
    std::function<absl::Status()> before_service;
    // Called on the thread: once with OK when it begins to serve, or once with what went wrong.
    std::function<void(absl::Status)> on_started;
    // Called on the thread once clients are served and the worker knows.
    std::function<void()> on_service;
    // Called on the thread by Reload, before the startup file is applied.
    std::function<void()> on_reload;
    // Called on the thread when the workers want another one to help them.
    std::function<void()> on_worker_wanted;
    // Called on the thread when it has nothing more to ask of the worker.
    std::function<void()> on_finished;
    // Hands the switch over to another process, with the socket that listens for scrapes (negative:
    // there is none). After a success its answer is sent, and then
    // `on_handed_over` is called on the thread, which does not return.
    std::function<absl::StatusOr<JsonText>(RunningBridge& control, const Attacher& attacher,
                                           const std::optional<std::string>& program,
                                           int metrics_listener)>
        upgrade;
    std::function<void()> on_handed_over;
    // Null, or another process hands the switch over.
    Inheritance* inheritance = nullptr;
    // Null, or what is kept outside of this process.
    StateKeeping* keeping = nullptr;
  };

  // `socket` is null when no client is to be served.
  ControlThread(Options options, BridgeControl::Identity identity, const RunningSwitch& running,
                std::unique_ptr<ControlSocket> socket);
  // Begins. `running` is served by its thread from now until on_finished. After an error, which is
  // that there is no thread to be had, nothing is called.
  [[nodiscard]] absl::Status Start();
  // Precondition: Stop was called, and on_finished has been, if it has begun.
  ~ControlThread();
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;

  // Clients are served no longer. From any thread; does not wait.
  void Stop();

  // Has the command line and the startup file applied again. From any thread; does not wait.
  void Reload();

 private:
  void Run();
  [[nodiscard]] absl::Status SetUp();
  [[nodiscard]] absl::Status ListenForScrapes(FileDescriptor inherited = FileDescriptor());
  [[nodiscard]] int metrics_listener() const { return metrics_ ? metrics_->fd() : -1; }
  [[nodiscard]] absl::Status WatchEvents();
  [[nodiscard]] MethodResult Answer(const std::string& method, const MethodCall& call);
  [[nodiscard]] MethodResult CallFor(const ControlPeer& peer, const std::string& method,
                                     const MethodCall& call);
  void PublishEvents();
  void Serve();
  void ReloadIfTold();
  [[nodiscard]] std::optional<std::chrono::milliseconds> KeepState() const;
  void EndCaptures();
  void EndOverlay();
  [[nodiscard]] absl::Status MakePorts();
  [[nodiscard]] absl::Status TakeOver();
  [[nodiscard]] absl::StatusOr<JsonText> Upgrade(const std::optional<std::string>& program);
  void LeaveToSuccessor();

  Options options_;
  RunningSwitch running_;
  BridgeConfig initial_;  // what the command line says
  std::unique_ptr<ControlSocket> socket_;
  GuestLinks guests_;
  RunningBridge control_;
  Monitor monitor_;
  Captures captures_;
  Attacher attacher_;
  InterfaceMinder minder_;
  CarrierFlaps flaps_;
  EventPublisher publisher_;
  Overlay overlay_;
  MethodContext context_;
  ClientPolicy policy_ = ClientPolicy::OfProcess();
  PortQuota quota_;
  ChangeLog changes_;
  std::unique_ptr<MetricsServer> metrics_;
  UpgradeFunction upgrade_;
  bool is_handed_over_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> reloading_ = false;
  std::thread thread_;
};

}  // namespace tapswitch
