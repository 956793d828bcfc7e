#include "ports/vhost_user/guest_caller.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The start of the memory that the kernel maps for a context (struct aio_ring, fs/aio.c), where
// libaio and others read it, too.
struct CompletedReads {
  uint32_t id;
  uint32_t capacity;
  uint32_t head;  // the next one that is to be looked at
  uint32_t tail;
  uint32_t magic;
};
constexpr uint32_t kMagic = 0xA10A10A1;

CompletedReads& CompletedOf(aio_context_t context) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel's name of a context is where it is
  return *reinterpret_cast<CompletedReads*>(context);
}

absl::Status Failed(std::string_view what) {
  return absl::ResourceExhaustedError(
      fmt::format("guests cannot be called without waiting: {}: {} (/proc/sys/fs/aio-max-nr is how "
                  "many contexts the machine may have)",
                  what, std::strerror(errno)));
}

}  // namespace

absl::StatusOr<GuestCaller> GuestCaller::Create() {
  FileDescriptor empty(memfd_create("empty", MFD_CLOEXEC));
  if (!empty.valid()) return Failed("memfd_create");
  aio_context_t context = 0;
  if (syscall(SYS_io_setup, 1, &context) != 0) return Failed("io_setup");
  GuestCaller caller(std::move(empty), context);
  if (CompletedOf(context).magic != kMagic) {
    return absl::UnimplementedError("guests cannot be called: io_setup(2) maps other memory here");
  }
  return caller;
}

GuestCaller::GuestCaller(GuestCaller&& other) noexcept
    : empty_(std::move(other.empty_)), context_(std::exchange(other.context_, 0)) {}

GuestCaller::~GuestCaller() {
  if (context_ != 0) syscall(SYS_io_destroy, context_);
}

// The read has ended when the call returns, so its outcome is passed over at once.
void GuestCaller::Signal(int fd) {
  char nothing = 0;
  iocb read{};
  read.aio_lio_opcode = IOCB_CMD_PREAD;
  read.aio_fildes = static_cast<uint32_t>(empty_.get());
  read.aio_buf = reinterpret_cast<uintptr_t>(&nothing);
  read.aio_nbytes = sizeof(nothing);
  read.aio_flags = IOCB_FLAG_RESFD;
  read.aio_resfd = static_cast<uint32_t>(fd);
  iocb* only = &read;
  static_cast<void>(syscall(SYS_io_submit, context_, 1, &only));
  CompletedReads& completed = CompletedOf(context_);
  const uint32_t tail = std::atomic_ref(completed.tail).load(std::memory_order_acquire);
  std::atomic_ref(completed.head).store(tail, std::memory_order_release);
}

}  // namespace tapswitch
