// Several forwarding workers without the rest of the daemon. Rings and threads are real; the queues
// of ports are socket pairs.

#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "ports/interface/tap/tap_port.h"
#include "ports/os/clock.h"
#include "ports/os/file_descriptor.h"
#include "ports/ring/ring_factory.h"
#include "switch/forwarding/bridge.h"
#include "switch/protocol/bridge_protocols.h"
#include "switch/workers/channels/command_queue.h"
#include "switch/workers/primary_worker.h"
#include "switch/workers/secondary_worker.h"
#include "switch/workers/shared_bridge.h"
#include "switch/workers/workers.h"
#include "tests/support/wait_until.h"

namespace tapswitch {

// The far side of one queue of a port.
class FarSide {
 public:
  using Bytes = std::vector<std::byte>;

  explicit FarSide(FileDescriptor file) : file_(std::move(file)) {}

  // Sends a frame, given without its virtio-net header. Waits for room. Returns false if the port
  // has been closed.
  [[nodiscard]] bool Put(const Bytes& frame) const {
    Bytes wire(kVirtioNetHeaderSize);
    wire.insert(wire.end(), frame.begin(), frame.end());
    bool sent = false;
    const bool has_ended = WaitUntil([&] {
      sent = send(file_.get(), wire.data(), wire.size(), MSG_NOSIGNAL) > 0;
      return sent || (errno != EAGAIN && errno != ENOBUFS);
    });
    return has_ended && sent;
  }

  // Returns the next frame; nothing if none waits.
  [[nodiscard]] std::optional<Bytes> TryTake() const {
    Bytes wire(70'000);
    const ssize_t size = recv(file_.get(), wire.data(), wire.size(), 0);
    if (size < static_cast<ssize_t>(kVirtioNetHeaderSize)) return std::nullopt;
    return Bytes(wire.begin() + kVirtioNetHeaderSize, wire.begin() + size);
  }

  [[nodiscard]] std::optional<Bytes> Take() const {
    std::optional<Bytes> frame;
    static_cast<void>(WaitUntil([&] { return (frame = TryTake()).has_value(); }));
    return frame;
  }

 private:
  FileDescriptor file_;
};

class ForwardingThreads {
 public:
  // Each port has a queue for each worker.
  explicit ForwardingThreads(size_t workers) : ForwardingThreads(workers, nullptr) {}

  // Two workers share ports of one queue as `governor` says, which the primary's thread calls.
  explicit ForwardingThreads(PortSharing::Governor governor)
      : ForwardingThreads(1, std::move(governor)) {
    workers_->Grow(SecondaryWorker::Start({.index = 1}, clock_, shared_, call_));
  }

  // There is one worker, and `start_worker` is called by its thread when another one is wanted.
  ForwardingThreads(PortSharing::Governor governor, std::function<void()> start_worker)
      : ForwardingThreads(1, std::move(governor), std::move(start_worker)) {}

  ~ForwardingThreads() { Stop(); }
  ForwardingThreads(const ForwardingThreads&) = delete;
  ForwardingThreads& operator=(const ForwardingThreads&) = delete;

  [[nodiscard]] CommandQueue& commands() { return *commands_; }
  [[nodiscard]] Workers& workers() { return *workers_; }
  // Only commands may use it.
  [[nodiscard]] PrimaryWorker& primary() { return *primary_; }
  // Only commands, or a holder of the lock, may use it.
  [[nodiscard]] SharedBridge& shared() { return shared_; }
  [[nodiscard]] Bridge& bridge() { return bridge_; }
  [[nodiscard]] BridgeProtocols& protocols() { return protocols_; }

  // Whether another thread can have a share of a port. It fails where descriptors are used up.
  enum class Sharing : uint8_t { kWorks, kNever, kFails };

  // Adds a port with this many queues, and returns their far sides.
  std::vector<FarSide> AddPort(const PortForwarding& forwarding, size_t queues,
                               Sharing sharing = Sharing::kWorks) {
    const auto identities =
        workers_->Identities({.id = forwarding.id, .generation = ++generation_, .name = "vnet"});
    std::vector<std::unique_ptr<Port>> ports;
    std::vector<FarSide> far_sides;
    for (size_t i = 0; i < queues; ++i) {
      std::array<int, 2> files{};
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, files.data()), 0);
      far_sides.emplace_back(FileDescriptor(files[0]));
      auto port = std::make_unique<TapPort>(identities[i], FileDescriptor(files[1]), OffloadSet(),
                                            QueryOf(forwarding.id));
      if (queues == 1 && sharing != Sharing::kNever) LetShare(*port, forwarding.id, sharing);
      ports.push_back(std::move(port));
    }
    EXPECT_TRUE(workers_->AddPort(std::move(ports), forwarding).ok());
    return far_sides;
  }

  // Ends all workers. Returns their counters.
  SwitchSnapshot Stop() {
    if (thread_.joinable()) {
      commands_->Post([this] { stopping_ = true; });
      thread_.join();
    }
    return last_;
  }

 private:
  static constexpr uint32_t kCommandSlot = 1;
  static constexpr uint32_t kCallSlot = 2;

  ForwardingThreads(
      size_t workers, PortSharing::Governor governor, std::function<void()> start_worker = [] {})
      : start_worker_(std::move(start_worker)) {
    std::promise<void> started;
    auto is_up = started.get_future();
    thread_ = std::thread([&, workers] { Run(workers, std::move(governor), started); });
    is_up.get();
  }

  static LinkQuery QueryOf(PortId id) {
    return [id] {
      return absl::StatusOr<LinkEvent>(
          {.ifindex = id.value + 1, .name = "vnet", .up = true, .mtu = 1500});
    };
  }

  static void LetShare(TapPort& port, PortId id, Sharing sharing) {
    port.set_make_share([sharing, query = QueryOf(id)](PortIdentity identity, FileDescriptor file) {
      if (sharing == Sharing::kFails) return std::unique_ptr<TapPort>();
      return std::make_unique<TapPort>(std::move(identity), std::move(file), OffloadSet(), query,
                                       QueueRole::kFollower);
    });
  }

  void Run(size_t workers, PortSharing::Governor governor, std::promise<void>& started) {
    const auto ring = MakeRing(IoMode::kAuto).value();
    PrimaryWorker primary(*ring.ring, clock_, bridge_, shared_);
    Workers all(*commands_, primary, bridge_, protocols_);
    bool has_commands = false;
    primary.lane().set_on_readiness([&](uint32_t slot) {
      if (slot == kCommandSlot) has_commands = true;
      if (slot == kCallSlot) call_.Clear();
    });
    primary.set_on_status([&](const Port& port) { all.OnPortStatus(port); });
    for (const auto& [fd, slot] :
         {std::pair{commands_->fd(), kCommandSlot}, std::pair{call_.fd(), kCallSlot}}) {
      EXPECT_TRUE(ring.ring->Watch(fd, {.operation = Operation::kReadiness, .slot = slot}).ok());
    }
    for (size_t index = 1; index < workers; ++index) {
      all.Add(SecondaryWorker::Start({.index = index}, clock_, shared_, call_).value());
    }
    if (governor) all.ShareBy({.start_worker = start_worker_, .governor = std::move(governor)});
    primary_ = &primary;
    workers_ = &all;
    started.set_value();
    while (!stopping_) {
      primary.Turn();
      all.OnTurn();
      if (std::exchange(has_commands, false)) primary.Run(*commands_);
    }
    all.StopSecondaries();
    primary.CloseAll();
    const LockedBridge lock(shared_);
    last_ = all.LastSnapshot();
  }

  std::function<void()> start_worker_;
  SystemClock clock_;
  Bridge bridge_{{.capacity = 1024, .ageing = {30000}, .salt = 7}};
  BridgeProtocols protocols_{bridge_};
  SharedBridge shared_{bridge_, SharedBridge::Users::kSeveral};
  WakeEvent call_ = WakeEvent::Create().value();
  std::unique_ptr<CommandQueue> commands_ = CommandQueue::Create().value();
  PrimaryWorker* primary_ = nullptr;
  Workers* workers_ = nullptr;
  bool stopping_ = false;
  SwitchSnapshot last_;
  uint16_t generation_ = 0;
  std::thread thread_;
};

}  // namespace tapswitch
