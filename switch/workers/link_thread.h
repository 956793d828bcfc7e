// The thread that watches the kernel's interfaces and asks after them.
//
// Why a thread: whoever may delete an interface has the kernel hold the lock of rtnetlink for
// milliseconds, again and again, and a question waits for that lock. No thread that forwards asks.
// It is told what has changed once the answers are there (link_answer.h), and takes the last one.
//
// Events do not pile up before a listener that is busy: as long as it has not taken the last ones,
// this thread reads no more. The kernel keeps them, and LinkMonitor makes up for those that the
// kernel lost.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/link_answer.h"
#include "ports/netlink/link_monitor.h"
#include "ports/os/netns.h"
#include "ports/ring/ring.h"
#include "switch/workers/channels/command_queue.h"

namespace tapswitch {

class LinkThread {
 public:
  // Both are called by the link thread, and neither waits.
  struct Listener {
    // Something has changed. `taken` is to be called, by any thread, when all have been told.
    std::function<void(const LinkEvent& link, std::function<void()> taken)> on_change;
    // There is an answer for a port of which an earlier life may have asked.
    std::function<void(PortId id, uint16_t generation)> on_answer;
  };

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<LinkThread>> Create();
  ~LinkThread();
  LinkThread(const LinkThread&) = delete;
  LinkThread& operator=(const LinkThread&) = delete;

  // In the namespace, with the capabilities and the signal mask of the calling thread.
  // ResourceExhausted where there is no thread to be had.
  [[nodiscard]] absl::Status Start(Listener listener);

  // Returns once the thread has ended. Queries that are still shared are never asked again.
  void Stop();

  // The functions below are for threads that may wait: not for those that forward, nor for this
  // one.

  // Shares a port's query, which is asked for the first time now and by the link thread only. It
  // goes, with all that it owns, when the last copy of the first queue's does.
  [[nodiscard]] SharedLinkQueries Share(const PortIdentity& identity, LinkQuery query);

  // To be used by the link thread only: in queries, and by Call.
  [[nodiscard]] LinkMonitor& monitor() { return monitor_; }

  // Has changes of a namespace's interfaces told to the listener.
  [[nodiscard]] absl::StatusOr<NetnsId> Watch(const NetworkNamespace& netns);

  // Treats a change as if the kernel had reported it. The listener has been told when this returns.
  void Report(const LinkEvent& link);

  // Has the thread do something, about itself or in its place: it neither forwards, nor has it a
  // low priority, as the control thread.
  [[nodiscard]] absl::Status Call(const std::function<absl::Status()>& step);

 private:
  struct Shared;
  class Registration;

  LinkThread(std::unique_ptr<Ring> ring, std::unique_ptr<CommandQueue> commands);

  void Run();
  void OnEvent(const LinkEvent& link);
  static void Ask(Shared& shared);
  void Withdraw(const std::shared_ptr<Shared>& shared);

  std::unique_ptr<Ring> ring_;
  std::unique_ptr<CommandQueue> commands_;
  Listener listener_;
  LinkMonitor monitor_;
  std::vector<std::shared_ptr<Shared>> shared_;
  size_t untaken_ = 0;  // reports
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tapswitch
