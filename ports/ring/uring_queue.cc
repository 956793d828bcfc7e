#include "ports/ring/uring_queue.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ports/ring/completion_batch.h"

namespace tapswitch {
namespace {

// IORING_OP_READ_MULTISHOT, the mark of Linux 6.7; the header of liburing 2.3 does not have it.
constexpr uint8_t kOpReadMultishot = 49;

// user_data is a packed Tag, or begins with one of these bytes, which no Operation has.
constexpr uint8_t kPollMark = 0x80;
constexpr uint8_t kCancelMark = 0x81;
constexpr uint8_t kReceiveMark = 0x82;
constexpr uint8_t kAnswerMark = 0x83;

// Behind all but the mark of cancels: which file, and a sequence.
constexpr uint64_t UserData(uint8_t mark, FileSlot file, uint32_t sequence) {
  return mark | (uint64_t{file.value} << 8U) | (uint64_t{sequence} << 32U);
}

constexpr FileSlot FileOf(uint64_t user_data) {
  return {static_cast<uint32_t>(user_data >> 8U) & 0xFFFFFFU};
}

constexpr bool IsWrite(uint64_t user_data) {
  return static_cast<uint8_t>(user_data) == static_cast<uint8_t>(Operation::kWrite);
}

// The amount of deferred work that a call does if it does not wait (IO_LOCAL_TW_DEFAULT_MAX, since
// Linux 6.13).
constexpr unsigned kWorkOfACall = 20;

// Calls in a row that may take nothing of what is queued before writes are given up.
constexpr int kMaxRefusals = 64;

constexpr uint32_t kPollMask = POLLIN | POLLRDHUP;

// The probable reason why io_uring_setup fails.
std::string SetupHint(int error) {
  int disabled = 0;
  std::ifstream("/proc/sys/kernel/io_uring_disabled") >> disabled;
  if (error == EPERM && disabled != 0) {
    return absl::StrCat(" (kernel.io_uring_disabled is ", disabled, ")");
  }
  if (error == EPERM) return " (forbidden by a seccomp profile?)";
  if (error == ENOSYS) return " (not in this kernel, or forbidden by a seccomp profile)";
  if (error == EINVAL) return " (needs Linux 6.1)";
  return "";
}

absl::Status Failure(int error, const char* call, const std::string& hint = "") {
  const absl::Status status = absl::ErrnoToStatus(error, call);
  return {status.code(), absl::StrCat(status.message(), hint)};
}

// io_uring_register(2) for what the shared library of liburing 2.3 forgot to export. Returns
// -errno.
int Register(const io_uring& ring, unsigned what, const void* argument, size_t count) {
  const int64_t result = syscall(SYS_io_uring_register, ring.ring_fd, what, argument, count);
  return result < 0 ? -errno : 0;
}

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

absl::StatusOr<std::unique_ptr<UringQueue>> UringQueue::Create(const Options& options) {
  std::unique_ptr<UringQueue> queue(new UringQueue(options));
  if (absl::Status status = queue->SetUp(); !status.ok()) return status;
  return queue;
}

UringQueue::UringQueue(const Options& options)
    : options_(options),
      files_(options.files),
      received_(options.completion_entries),
      ready_{WaitingLine<FileSlot>(options.files), WaitingLine<FileSlot>(0),
             WaitingLine<FileSlot>(options.files), WaitingLine<FileSlot>(options.files)},
      ended_polls_(options.files) {}

UringQueue::~UringQueue() {
  if (is_set_up_) io_uring_queue_exit(&ring_);
}

absl::Status UringQueue::SetUp() {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                 IORING_SETUP_R_DISABLED;
  params.cq_entries = options_.completion_entries;
  if (const int result = io_uring_queue_init_params(options_.submission_entries, &ring_, &params);
      result < 0) {
    return Failure(-result, "io_uring_setup", SetupHint(-result));
  }
  is_set_up_ = true;
  messages_.resize(params.sq_entries);
  if (options_.multishot) {
    if (absl::Status status = RequireMultishot(); !status.ok()) return status;
  }
  if (const int result = io_uring_register_files_sparse(&ring_, options_.files); result < 0) {
    return Failure(-result, "io_uring_register_files",
                   result == -EMFILE ? " (raise the limit on open files)" : "");
  }
  return Restrict();
}

// Receives were multishot before, but TAPs and sockets did not all know RWF_NOWAIT then.
absl::Status UringQueue::RequireMultishot() {
  const std::unique_ptr<io_uring_probe, decltype(&io_uring_free_probe)> probe(
      io_uring_get_probe_ring(&ring_), &io_uring_free_probe);
  if (probe && io_uring_opcode_supported(probe.get(), kOpReadMultishot) != 0) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError("this kernel is older than Linux 6.7");
}

absl::Status UringQueue::Restrict() {
  std::vector<io_uring_restriction> rules;
  const auto allow_registering = [&rules](uint8_t what) {
    rules.push_back({.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = what});
  };
  const auto allow_operation = [&rules](uint8_t what) {
    rules.push_back({.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = what});
  };
  allow_registering(IORING_REGISTER_FILES_UPDATE);
  allow_operation(IORING_OP_WRITE);
  allow_operation(IORING_OP_WRITEV);
  allow_operation(IORING_OP_POLL_ADD);
  allow_operation(IORING_OP_ASYNC_CANCEL);
  if (options_.multishot) {
    allow_registering(IORING_REGISTER_PBUF_RING);
    allow_registering(IORING_UNREGISTER_PBUF_RING);
    allow_operation(IORING_OP_RECVMSG);
  } else {
    allow_operation(IORING_OP_SENDMSG);
  }
  rules.push_back({.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE});
  rules.push_back({.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
                   .sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS});
  if (const int result = Register(ring_, IORING_REGISTER_RESTRICTIONS, rules.data(), rules.size());
      result < 0) {
    return Failure(-result, "io_uring_register of restrictions");
  }
  if (const int result = Register(ring_, IORING_REGISTER_ENABLE_RINGS, nullptr, 0); result < 0) {
    return Failure(-result, "io_uring_register to enable the ring");
  }
  return absl::OkStatus();
}

absl::StatusOr<FileSlot> UringQueue::AddFile(int fd, FileKind kind) {
  if (absl::Status status = RequireNonBlocking(fd); !status.ok()) return status;
  auto file = AddAny(fd);
  if (!file.ok()) return file;
  files_[file->value].is_sent_to = !options_.multishot && kind == FileKind::kPacketSocket;
  return file;
}

absl::StatusOr<FileSlot> UringQueue::AddAny(int fd) {
  const auto free =
      std::find_if(files_.begin(), files_.end(), [](const File& file) { return !file.used; });
  if (free == files_.end()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("all ", files_.size(), " files of the ring are in use: remove a port first"));
  }
  const FileSlot slot{static_cast<uint32_t>(free - files_.begin())};
  if (const int result = io_uring_register_files_update(&ring_, slot.value, &fd, 1); result < 0) {
    return Failure(-result, "io_uring_register_files_update");
  }
  free->used = true;
  return slot;
}

void UringQueue::RemoveFile(FileSlot file) {
  File& removed = files_[file.value];
  StopPoll(file);
  Submit();  // what is queued for the file names it by its slot
  // A poll keeps the file open until the end of the poll is completed, and with the file a device
  // that is to be removed. This may receive frames on the way, which is_drained reports.
  if (std::exchange(removed.was_polled, false)) {
    io_uring_enter(ring_fd(), 0, 0, IORING_ENTER_GETEVENTS, nullptr);
  }
  Drain();
  const int none = -1;
  io_uring_register_files_update(&ring_, file.value, &none, 1);
  removed.used = false;
}

void UringQueue::StartPoll(FileSlot file, Tag tag) {
  File& polled = files_[file.value];
  if (polled.poll_tag) return;
  polled.poll_tag = tag;
  polled.poll_mask = kPollMask;
  polled.was_polled = true;
  ArmPoll(file);
}

void UringQueue::StopPoll(FileSlot file) {
  File& stopped = files_[file.value];
  if (!stopped.poll_tag) return;
  Cancel(PollData(file));
  if (std::exchange(stopped.ready, 0) != 0) LineOf(stopped).Erase(file);
  stopped.is_to_be_armed = false;
  stopped.poll_tag.reset();
}

void UringQueue::ArmPoll(FileSlot file) {
  ++files_[file.value].poll_sequence;
  files_[file.value].is_to_be_armed = false;
  io_uring_sqe& entry = NextEntry();
  io_uring_prep_poll_multishot(&entry, static_cast<int>(file.value), files_[file.value].poll_mask);
  entry.flags = IOSQE_FIXED_FILE;
  entry.user_data = PollData(file);
}

uint64_t UringQueue::PollData(FileSlot file) const {
  return UserData(kPollMark, file, files_[file.value].poll_sequence);
}

absl::Status UringQueue::Watch(int fd, Tag tag) {
  const absl::StatusOr<FileSlot> file = AddAny(fd);
  if (!file.ok()) return file.status();
  StartPoll(*file, tag);
  return absl::OkStatus();
}

std::optional<FileSlot> UringQueue::FindWatch(Tag tag) const {
  const auto file = std::find_if(files_.begin(), files_.end(),
                                 [tag](const File& one) { return one.poll_tag == tag; });
  if (file == files_.end()) return std::nullopt;
  return FileSlot{static_cast<uint32_t>(file - files_.begin())};
}

void UringQueue::Unwatch(Tag tag) {
  if (const auto file = FindWatch(tag)) RemoveFile(*file);
}

void UringQueue::WatchWritability(Tag tag, bool wanted) {
  const auto file = FindWatch(tag);
  const uint32_t mask = kPollMask | (wanted ? POLLOUT : 0U);
  if (!file) return;
  Cancel(PollData(*file));
  files_[file->value].poll_mask = mask;
  ArmPoll(*file);
}

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

bool UringQueue::Goes(FileSlot file, uint64_t poll_data) const {
  return files_[file.value].poll_tag && PollData(file) == poll_data;
}

void UringQueue::DispatchPoll(const io_uring_cqe& entry) {
  const FileSlot slot = FileOf(entry.user_data);
  if (!Goes(slot, entry.user_data)) return;
  // It ends where its completion found no room.
  if ((entry.flags & IORING_CQE_F_MORE) == 0) ArmLater(slot);
  if (entry.res <= 0) return;
  File& file = files_[slot.value];
  if (file.ready == 0) LineOf(file).Push(slot);
  file.ready |= entry.res;
}

size_t UringQueue::TakeReadiness(Operation operation, std::span<Completion> completions) {
  WaitingLine<FileSlot>& line = ready_[static_cast<size_t>(operation)];
  size_t count = 0;
  for (; count < completions.size() && !line.empty(); line.Pop()) {
    File& file = files_[line.front().value];
    completions[count++] = {
        .tag = *file.poll_tag, .result = std::exchange(file.ready, 0), .more = true};
  }
  return count;
}

bool UringQueue::has_waiting() const {
  return !received_.empty() || !failed_writes_.empty() ||
         std::any_of(ready_.begin(), ready_.end(), [](const auto& line) { return !line.empty(); });
}

bool UringQueue::is_drained() const {
  return received_.empty() && io_uring_cq_ready(&ring_) == 0 && !io_uring_cq_has_overflow(&ring_);
}

bool UringQueue::TakeLoss() {
  const uint32_t lost = IO_URING_READ_ONCE(*ring_.cq.koverflow);
  if (std::exchange(lost_, lost) == lost) return false;
  RenewPolls();
  return true;
}

void UringQueue::RenewPolls() {
  for (uint32_t slot = 0; slot < files_.size(); ++slot) {
    if (!files_[slot].poll_tag) continue;
    Cancel(PollData(FileSlot{slot}));
    ArmLater(FileSlot{slot});
  }
}

void UringQueue::ArmLater(FileSlot file) {
  if (!std::exchange(files_[file.value].is_to_be_armed, true)) ended_polls_.Push(file);
}

// A new poll reports the present state at once. If it ends again at once, it is armed in the next
// turn.
void UringQueue::ArmEndedPolls() {
  for (size_t count = ended_polls_.size(); count > 0; --count) {
    const FileSlot file = ended_polls_.front();
    ended_polls_.Pop();
    if (files_[file.value].is_to_be_armed) ArmPoll(file);
  }
}

}  // namespace tapswitch
