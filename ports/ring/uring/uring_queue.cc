#include "ports/ring/uring/uring_queue.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "ports/ring/completion_batch.h"
#include "ports/ring/uring/uring_user_data.h"

namespace tapswitch {
namespace {

// The amount of deferred work that a call does if it does not wait (IO_LOCAL_TW_DEFAULT_MAX, since
// Linux 6.13).
constexpr unsigned kWorkOfACall = 20;

// Calls in a row that may take nothing of what is queued before writes are given up.
constexpr int kMaxRefusals = 64;

// Aborts: the ring is used by the wrong thread, or its descriptor was closed by other code. The
// program cannot go on.
[[noreturn]] void Die(int error) {
  spdlog::critical("io_uring_enter: {}", std::strerror(error));
  spdlog::default_logger_raw()->flush();
  std::abort();
}

// The kernel ran short of memory, or will take entries only once it has been asked again.
bool IsTransient(int result) { return result == -EAGAIN || result == -EBUSY || result == -EINTR; }

}  // namespace

size_t UringQueue::QueueWrites(FileSlot file, std::span<const WireFrame> frames, Tag tag) {
  size_t taken = 0;
  for (const WireFrame& frame : frames) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) break;
    if (files_[file.value].is_sent_to) {
      PrepareSend(*entry, file, frame);
    } else {
      PrepareWrite(*entry, file, frame);
    }
    entry->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = WriteTag(tag, frame).Pack();
    ++taken;
  }
  return taken;
}

void UringQueue::PrepareWrite(io_uring_sqe& entry, FileSlot file, const WireFrame& frame) const {
  const int fd = static_cast<int>(file.value);
  if (frame.pieces.size() == 1) {
    const Piece& whole = frame.pieces[0];
    io_uring_prep_write(&entry, fd, whole.data, static_cast<unsigned>(whole.size), 0);
  } else {
    io_uring_prep_writev(&entry, fd, AsIovec(frame.pieces),
                         static_cast<unsigned>(frame.pieces.size()), 0);
  }
  entry.rw_flags = options_.multishot ? RWF_NOWAIT : 0;
}

void UringQueue::PrepareSend(io_uring_sqe& entry, FileSlot file, const WireFrame& frame) {
  msghdr& message = messages_[static_cast<size_t>(&entry - ring_.sq.sqes)];
  // The kernel only reads it.
  message = {.msg_iov = const_cast<iovec*>(AsIovec(frame.pieces)),
             .msg_iovlen = frame.pieces.size()};
  io_uring_prep_sendmsg(&entry, static_cast<int>(file.value), &message, MSG_DONTWAIT);
}

io_uring_sqe& UringQueue::NextEntry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  for (; entry == nullptr; entry = io_uring_get_sqe(&ring_)) Submit();
  return *entry;
}

void UringQueue::Cancel(uint64_t user_data) {
  io_uring_sqe& entry = NextEntry();
  io_uring_prep_cancel64(&entry, user_data, 0);
  entry.flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
  entry.user_data = kCancelMark;
}

void UringQueue::QueueReceive(FileSlot file, uint32_t sequence, const msghdr& message) {
  io_uring_sqe& entry = NextEntry();
  io_uring_prep_recvmsg_multishot(&entry, static_cast<int>(file.value),
                                  const_cast<msghdr*>(&message), 0);
  entry.flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  entry.buf_group = static_cast<uint16_t>(file.value);
  entry.user_data = UserData(kReceiveMark, file, sequence);
}

void UringQueue::CancelReceive(FileSlot file, uint32_t sequence, Answer answer) {
  const uint64_t receive = UserData(kReceiveMark, file, sequence);
  if (answer == Answer::kNone) return Cancel(receive);
  io_uring_sqe& entry = NextEntry();
  io_uring_prep_cancel64(&entry, receive, 0);
  entry.flags = IOSQE_FIXED_FILE;
  entry.user_data = UserData(kAnswerMark, file, sequence);
}

// liburing's own calls run deferred work sometimes where it must not run, and not always where it
// should, so entries are published to the kernel here.
unsigned UringQueue::Publish() {
  ring_.sq.sqe_head = ring_.sq.sqe_tail;
  IO_URING_WRITE_ONCE(*ring_.sq.ktail, ring_.sq.sqe_tail);
  return io_uring_sq_ready(&ring_);
}

void UringQueue::Submit() {
  int refusals = 0;
  for (unsigned left = Publish(); left > 0; left = Publish()) {
    const int result = io_uring_enter(ring_fd(), left, 0, 0, nullptr);
    if (result < 0 && !IsTransient(result)) Die(-result);
    Drain();
    if (result > 0) unsettled_ += static_cast<unsigned>(result);
    if (unsettled_ >= options_.completion_entries / 2) Settle();
    refusals = result > 0 ? 0 : refusals + 1;
    if (refusals == kMaxRefusals) {
      FailQueuedWrites(-result);
      break;
    }
  }
  CountOverflow();
}

bool UringQueue::has_work() const {
  const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
  return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

// Asks a few more times for work that others cause meanwhile, but not without limit, as they could
// keep it busy for ever.
void UringQueue::Settle() {
  constexpr unsigned kRoundsMore = 64;
  unsigned rounds = unsettled_ / kWorkOfACall + kRoundsMore;
  for (; rounds > 0 && has_work(); --rounds) {
    CountOverflow();
    io_uring_enter(ring_fd(), 0, 0, IORING_ENTER_GETEVENTS, nullptr);
    Drain();
  }
  unsettled_ = 0;
}

// Waiting until the kernel has memory again would delay all ports. So the writes fail; the other
// entries go with the next call.
void UringQueue::FailQueuedWrites(int error) {
  const unsigned head = io_uring_smp_load_acquire(ring_.sq.khead);
  unsigned kept = head;
  for (unsigned at = head; at != ring_.sq.sqe_tail; ++at) {
    const io_uring_sqe& entry = ring_.sq.sqes[at & ring_.sq.ring_mask];
    if (IsWrite(entry.user_data)) {
      failed_writes_.Add(Tag::Unpack(entry.user_data), -error);
    } else {
      ring_.sq.sqes[kept++ & ring_.sq.ring_mask] = entry;
    }
  }
  ring_.sq.sqe_tail = kept;
  static_cast<void>(Publish());
}

int UringQueue::Enter(unsigned wanted, std::optional<std::chrono::nanoseconds> timeout) {
  __kernel_timespec limit{};
  io_uring_getevents_arg argument{};
  if (timeout) {
    limit.tv_sec = *timeout / std::chrono::seconds(1);
    limit.tv_nsec = (*timeout % std::chrono::seconds(1)).count();
    argument.ts = reinterpret_cast<uintptr_t>(&limit);
  }
  return io_uring_enter2(ring_fd(), Publish(), wanted,
                         IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                         reinterpret_cast<sigset_t*>(&argument), sizeof(argument));
}

WaitResult UringQueue::SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) {
  ArmEndedPolls();
  const bool only_looks = timeout && *timeout <= std::chrono::nanoseconds(0);
  size_t all_found = 0;
  for (int refusals = 0;;) {
    // Completions of an earlier call must not wait for more.
    const int result = Enter(only_looks || all_found > 0 || has_waiting() ? 0 : 1, timeout);
    CountOverflow();
    const size_t found = Drain();
    all_found += found;
    if (result > 0) unsettled_ += static_cast<unsigned>(result);
    const bool fails = found >= kWorkOfACall || !failed_writes_.empty();
    if (fails || io_uring_cq_has_overflow(&ring_)) Settle();
    if (!has_work()) unsettled_ = 0;
    if (io_uring_sq_ready(&ring_) > 0 && (result >= 0 || IsTransient(result))) {
      refusals = result > 0 ? 0 : refusals + 1;
      if (refusals < kMaxRefusals) continue;
      FailQueuedWrites(-result);
      return WaitResult::kCompletions;
    }
    if (all_found > 0 || has_waiting()) return WaitResult::kCompletions;
    if (IsTransient(result)) return WaitResult::kInterrupted;
    if (result == -EBADR) return WaitResult::kCompletions;  // lost for want of memory; see TakeLoss
    if (result < 0 && result != -ETIME) Die(-result);
    // A call that submitted something returns how much, whatever ended its wait.
    return timeout ? WaitResult::kTimeout : WaitResult::kInterrupted;
  }
}

void UringQueue::CountOverflow() {
  if (io_uring_cq_has_overflow(&ring_)) ++overflows_;
}

uint64_t UringQueue::overflows() const {
  return overflows_ + IO_URING_READ_ONCE(*ring_.cq.koverflow);
}

size_t UringQueue::Drain() {
  unsigned seen = 0;
  unsigned head = 0;
  const io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(&ring_, head, entry) {
    ++seen;
    Dispatch(*entry);
  }
  io_uring_cq_advance(&ring_, seen);
  return seen;
}

void UringQueue::Dispatch(const io_uring_cqe& entry) {
  switch (static_cast<uint8_t>(entry.user_data)) {
    case kReceiveMark:
    case kAnswerMark:
      return DispatchReceived(entry);
    case kPollMark:
      return DispatchPoll(entry);
    case kCancelMark:
      return;
    default:
      return failed_writes_.Add(Tag::Unpack(entry.user_data), entry.res);
  }
}

void UringQueue::DispatchReceived(const io_uring_cqe& entry) {
  Received received{.file = FileOf(entry.user_data),
                    .sequence = static_cast<uint32_t>(entry.user_data >> 32U),
                    .result = entry.res,
                    .more = (entry.flags & IORING_CQE_F_MORE) != 0,
                    .is_answer = static_cast<uint8_t>(entry.user_data) == kAnswerMark};
  if ((entry.flags & IORING_CQE_F_BUFFER) != 0) {
    received.buffer = static_cast<BufferId>(entry.flags >> IORING_CQE_BUFFER_SHIFT);
  }
  received_.Push(received);
}

bool UringQueue::has_waiting() const {
  return !received_.empty() || !failed_writes_.empty() ||
         std::any_of(ready_.begin(), ready_.end(), [](const auto& line) { return !line.empty(); });
}

bool UringQueue::is_drained() const {
  return received_.empty() && io_uring_cq_ready(&ring_) == 0 && !io_uring_cq_has_overflow(&ring_);
}

}  // namespace tapswitch
