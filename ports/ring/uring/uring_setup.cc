// The ring of a UringQueue is set up and restricted here, and its files are registered.

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ports/ring/completion_batch.h"
#include "ports/ring/uring/uring_queue.h"

namespace tapswitch {
namespace {

// IORING_OP_READ_MULTISHOT, the mark of Linux 6.7; the header of liburing 2.3 does not have it.
constexpr uint8_t kOpReadMultishot = 49;

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

}  // namespace tapswitch
