// A parent that starts the switch, keeps what it has open, and starts it again after it was killed
// (--supervise).
//
// The switch is whichever child there is: one that takes over from another (tapctl upgrade) becomes
// a child of this process, too. Nothing that the switch says is executed: it is always the program
// of the start that is started again.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/unix/descriptor_channel.h"
#include "switch/handover/program_start.h"
#include "switch/keeper/keeper.h"

namespace tapswitch {

class Supervisor {
 public:
  struct Options {
    ProgramStart start;
    // For how long all is kept after a death, if no switch gets ready.
    std::chrono::milliseconds lease{};
    std::function<void()> on_ready;  // once
    std::function<void()> on_stop;   // it was told to end
    std::function<void()> on_reload;
  };

  // Call it before threads are started: signals are blocked for good.
  [[nodiscard]] static absl::StatusOr<Supervisor> Make(Options options);

  // Returns the exit status: 0 when the switch was told to end, or that of a switch which has ended
  // by itself before it was ever ready.
  [[nodiscard]] int Run();

 private:
  using Clock = std::chrono::steady_clock;

  // How the last child has ended.
  struct End {
    bool was_told = false;  // it said so
    bool was_ready = false;
    int status = 0;  // as waitpid has it
    Clock::duration lived{};
  };

  Supervisor(Options options, FileDescriptor signals)
      : options_(std::move(options)), signals_(std::move(signals)) {}

  [[nodiscard]] absl::StatusOr<End> RunChild();
  void ServeKeeper(std::optional<DescriptorChannel>& channel, End& end);
  // False when there is no child any more.
  [[nodiscard]] bool Reap(End& end);
  void OnSignals();
  void Forward(int signal) const;
  void OnReady(End& end);
  void OnDeath(const End& end);
  void EndWhatIsDue();
  [[nodiscard]] std::optional<Clock::time_point> NextEnd() const;
  [[nodiscard]] static int MillisecondsUntil(Clock::time_point time);
  void WaitBeforeRestart();

  Options options_;
  FileDescriptor signals_;
  Keeper keeper_;
  pid_t child_ = -1;
  bool stopping_ = false;
  bool was_ever_ready_ = false;
  int failures_ = 0;  // of switches that did not get ready, one after the other
  Clock::duration delay_{};
  std::optional<Clock::time_point> lease_end_;
  std::optional<Clock::time_point> overlay_end_;  // shadow ports are closed then
};

}  // namespace tapswitch
