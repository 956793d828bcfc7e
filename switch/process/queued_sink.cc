#include "switch/process/queued_sink.h"

#include <poll.h>
#include <pthread.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/fmt/fmt.h>

#include <atomic>
#include <csignal>
#include <future>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "ports/os/mutex.h"
#include "ports/os/thread_priority.h"
#include "ports/os/thread_start.h"
#include "ports/os/wake_event.h"
#include "switch/process/log_queue.h"

namespace tapswitch {
namespace {

// The interval at which lost lines are reported.
constexpr std::chrono::milliseconds kTellingPause(1000);
constexpr std::chrono::milliseconds kPatience(1000);

// Blocks all signals, so that those that are read from a descriptor are not delivered to this
// thread.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

// The state that the thread and the sink share.
struct QueuedSink::Shared {
  using Task = std::packaged_task<absl::Status()>;

  LogQueue queue;
  std::shared_ptr<spdlog::sinks::sink> target;
  std::string name;
  std::atomic<bool> closing = false;
  std::promise<void> ended;
  std::shared_future<void> has_ended{ended.get_future()};
  // Of this and of sleeping: the thread says that it sleeps before it looks a last time.
  WakeEvent wake;
  std::atomic<bool> sleeps = false;
  Mutex mutex;  // of those who may wait; threads that log never take it
  std::vector<Task> tasks ABSL_GUARDED_BY(mutex);
  uint64_t untold = 0;  // lines lost
  std::chrono::steady_clock::time_point told;

  explicit Shared(WakeEvent event) : wake(std::move(event)) {}

  void Run();
  void Wake();
  void Sleep();
  [[nodiscard]] bool HasWork();
  void WriteAll();
  void RunTasks();
  void Tell(uint64_t lost);
  std::future<absl::Status> Post(Task task);
};

void QueuedSink::Shared::Run() {
  while (!closing) {
    WriteAll();
    RunTasks();
    Sleep();
  }
  WriteAll();
  RunTasks();
  target.reset();
  ended.set_value();
}

// Wakes the thread. Precondition: the work was put where HasWork finds it.
void QueuedSink::Shared::Wake() {
  if (sleeps.exchange(false)) wake.Signal();
}

void QueuedSink::Shared::Sleep() {
  // An exchange, not a store: it reads what Wake wrote last, so HasWork sees what came before that.
  sleeps.exchange(true);
  if (!HasWork()) {
    pollfd event{.fd = wake.fd(), .events = POLLIN, .revents = 0};
    const int timeout = untold == 0 ? -1 : static_cast<int>(kTellingPause.count());
    static_cast<void>(poll(&event, 1, timeout));
  }
  sleeps = false;
  wake.Clear();
}

bool QueuedSink::Shared::HasWork() {
  const MutexLock lock(mutex);
  return closing || !tasks.empty() || queue.Front() != nullptr;
}

void QueuedSink::Shared::WriteAll() {
  while (const LogQueue::Line* const line = queue.Front()) {
    Tell(line->lost_before);
    const spdlog::log_clock::time_point time{spdlog::log_clock::duration(line->time)};
    target->log({time, {}, name, line->level, {line->text.data(), line->size}});
    queue.DropFront();
  }
  Tell(queue.TakeLost());
  target->flush();
}

// Reports lost lines once a second at most, which suffices for a flood of messages.
void QueuedSink::Shared::Tell(uint64_t lost) {
  untold += lost;
  const auto now = std::chrono::steady_clock::now();
  if (untold == 0 || (now - told < kTellingPause && !closing)) return;
  told = now;
  const std::string text = fmt::format(
      "{} lines lost: they came faster than the log could be written", std::exchange(untold, 0));
  // The report is an error, so that it passes the rate limit.
  target->log(spdlog::details::log_msg(name, spdlog::level::err, text));
}

void QueuedSink::Shared::RunTasks() {
  std::vector<Task> now;
  {
    const MutexLock lock(mutex);
    now.swap(tasks);
  }
  for (Task& task : now) task();
}

std::future<absl::Status> QueuedSink::Shared::Post(Task task) {
  auto result = task.get_future();
  {
    const MutexLock lock(mutex);
    tasks.push_back(std::move(task));
  }
  Wake();
  return result;
}

absl::StatusOr<std::shared_ptr<QueuedSink>> QueuedSink::Start(
    std::shared_ptr<spdlog::sinks::sink> target, std::string name) {
  auto wake = WakeEvent::Create();
  if (!wake.ok()) return wake.status();
  auto shared = std::make_shared<Shared>(*std::move(wake));
  shared->target = std::move(target);
  shared->name = std::move(name);
  const AllSignalsBlocked blocked;
  auto thread = StartThread("the thread that writes the log", [shared] {
    pthread_setname_np(pthread_self(), "log");
    YieldToFrames();
    shared->Run();
  });
  if (!thread.ok()) return thread.status();
  thread->detach();  // it may stand still for ever, and nobody waits for it then
  return std::shared_ptr<QueuedSink>(new QueuedSink(std::move(shared)));
}

QueuedSink::~QueuedSink() { Close(kPatience); }

void QueuedSink::log(const spdlog::details::log_msg& message) {
  shared_->queue.Push(message.time, message.level,
                      std::string_view(message.payload.data(), message.payload.size()));
  shared_->Wake();
}

void QueuedSink::flush() {
  // Tasks come after the lines that were there before them.
  static_cast<void>(Call([] { return absl::OkStatus(); }, kPatience));
}

bool QueuedSink::Close(std::chrono::milliseconds limit) {
  {
    const MutexLock lock(shared_->mutex);
    shared_->closing = true;
  }
  shared_->Wake();
  return shared_->has_ended.wait_for(limit) == std::future_status::ready;
}

absl::Status QueuedSink::Call(std::function<absl::Status()> function,
                              std::chrono::milliseconds limit) {
  auto result = shared_->Post(Shared::Task(std::move(function)));
  if (result.wait_for(limit) == std::future_status::ready) return result.get();
  return absl::DeadlineExceededError("the log cannot be written: let somebody read it");
}

}  // namespace tapswitch
