#include "tests/support/faulty_kernel.h"

#include <dlfcn.h>
#include <liburing.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <map>
#include <random>
#include <vector>

#include "ports/ring/ring.h"

namespace tapswitch {
namespace {

constexpr std::array kTransferErrors{EAGAIN,   ENOBUFS, ENOMEM,   EIO,    EBADFD, ENETDOWN, ENXIO,
                                     EMSGSIZE, EINVAL,  EMSGSIZE, EFAULT, EPERM,  ENODEV,   EINTR};
constexpr std::array kEnterErrors{EAGAIN, EBUSY, EINTR};
constexpr std::array kWaitErrors{EINTR, ENOMEM};

// Completions whose user_data begins so concern nobody (uring_user_data.h, kCancelMark).
constexpr uint64_t kNobody = 0x81;

struct Injector {
  Faults faults;
  std::minstd_rand random;
  std::vector<int> files;
  std::map<int, io_uring*> rings;  // by descriptor
  uint64_t injected = 0;

  [[nodiscard]] bool Happens(unsigned in_thousand) {
    if (in_thousand == 0 || random() % 1000 >= in_thousand) return false;
    ++injected;
    return true;
  }
  template <size_t Size>
  [[nodiscard]] int AnyOf(const std::array<int, Size>& errors) {
    return errors[random() % Size];
  }
  // Sets errno.
  [[nodiscard]] bool FailsWrite(int fd) {
    if (std::find(files.begin(), files.end(), fd) == files.end()) return false;
    if (!Happens(faults.failed_transfers)) return false;
    errno = AnyOf(kTransferErrors);
    return true;
  }
  // Never EAGAIN, which would be a lie where a frame waits: nobody would ask again.
  [[nodiscard]] bool FailsRead(int fd) {
    if (!FailsWrite(fd)) return false;
    if (errno == EAGAIN) errno = ENOMEM;
    return true;
  }
};

Injector& injector() {
  static Injector the_one;
  return the_one;
}

template <typename Function>
Function* Real(Function* /*ours*/, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Of those that a call has added to the queue: failed writes get any error, and some are lost.
void Distort(io_uring& ring, unsigned from) {
  Injector& inject = injector();
  const unsigned to = io_uring_smp_load_acquire(ring.cq.ktail);
  for (unsigned at = from; at != to; ++at) {
    io_uring_cqe& entry = ring.cq.cqes[at & ring.cq.ring_mask];
    const bool is_write = (entry.user_data & 0xFFU) == static_cast<uint64_t>(Operation::kWrite);
    if (is_write && inject.faults.failed_transfers > 0 && entry.res < 0) {
      entry.res = -inject.AnyOf(kTransferErrors);
      ++inject.injected;
    }
    if (!inject.Happens(inject.faults.lost_completions)) continue;
    entry.user_data = kNobody;
    ++*ring.cq.koverflow;
  }
}

template <typename Call>
int Enter(unsigned fd, Call call) {
  Injector& inject = injector();
  if (inject.Happens(inject.faults.refused_calls)) return -inject.AnyOf(kEnterErrors);
  const auto ring = inject.rings.find(static_cast<int>(fd));
  if (ring == inject.rings.end()) return call();
  const unsigned tail = *ring->second->cq.ktail;
  const int result = call();
  Distort(*ring->second, tail);
  return result;
}

}  // namespace

void SetFaults(const Faults& faults, uint32_t seed) {
  injector().faults = faults;
  injector().random.seed(seed);
}

void NameFaultyFiles(std::span<const int> descriptors) {
  injector().files.assign(descriptors.begin(), descriptors.end());
}

uint64_t InjectedFaults() { return injector().injected; }

}  // namespace tapswitch

// What the program's own calls are bound to, before the libraries'.
extern "C" {

using tapswitch::injector;
using tapswitch::Real;

int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* params) {
  static auto* const real = Real(&io_uring_queue_init_params, "io_uring_queue_init_params");
  const int result = real(entries, ring, params);
  if (result >= 0) injector().rings[ring->ring_fd] = ring;
  return result;
}

void io_uring_queue_exit(io_uring* ring) {
  static auto* const real = Real(&io_uring_queue_exit, "io_uring_queue_exit");
  injector().rings.erase(ring->ring_fd);
  real(ring);
}

int io_uring_enter(unsigned fd, unsigned submit, unsigned wanted, unsigned flags, sigset_t* set) {
  static auto* const real = Real(&io_uring_enter, "io_uring_enter");
  return tapswitch::Enter(fd, [&] { return real(fd, submit, wanted, flags, set); });
}

int io_uring_enter2(unsigned fd, unsigned submit, unsigned wanted, unsigned flags, sigset_t* set,
                    size_t size) {
  static auto* const real = Real(&io_uring_enter2, "io_uring_enter2");
  return tapswitch::Enter(fd, [&] { return real(fd, submit, wanted, flags, set, size); });
}

int epoll_pwait2(int fd, epoll_event* events, int most, const timespec* timeout,
                 const sigset_t* set) {
  static auto* const real = Real(&epoll_pwait2, "epoll_pwait2");
  if (injector().Happens(injector().faults.refused_calls)) {
    errno = injector().AnyOf(tapswitch::kWaitErrors);
    return -1;
  }
  return real(fd, events, most, timeout, set);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const real = Real(&write, "write");
  return injector().FailsWrite(fd) ? -1 : real(fd, bytes, size);
}

ssize_t writev(int fd, const iovec* pieces, int count) {
  static auto* const real = Real(&writev, "writev");
  return injector().FailsWrite(fd) ? -1 : real(fd, pieces, count);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  static auto* const real = Real(&recvmsg, "recvmsg");
  return injector().FailsRead(fd) ? -1 : real(fd, message, flags);
}

// The rings call read(2) and the set-up of io_uring past the C library. This function cannot know
// how many arguments there are, so it takes as many as there may be, as the C library does.
[[gnu::no_sanitize_address]] long syscall(long number, ...) noexcept {
  static auto* const real = Real(&syscall, "syscall");
  std::array<long, 6> words{};
  va_list list;
  va_start(list, number);
  for (long& word : words) word = va_arg(list, long);
  va_end(list);
  if (number == SYS_read && injector().FailsRead(static_cast<int>(words[0]))) return -1;
  return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

}  // extern "C"
