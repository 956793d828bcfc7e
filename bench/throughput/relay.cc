// A bare relay between two TAPs that looks at nothing: io_uring alone, with multishot reads.
//
//   relay TAP1[,netns=NAME] TAP2[,netns=NAME]
//
// creates both TAPs, prints "ready" and writes each frame read from one to the other until it is
// killed. What a switch loses against it in the same run is the price of switching.
//
// A turn is one system call. It carries out the queued writes, in order and inline, then takes
// frames until the buffers are used up or there is none left. So a buffer goes back to the kernel
// before the call that writes from it: nothing is read into it before that write is over.

#include <fcntl.h>
#include <liburing.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "ports/os/file_descriptor.h"

namespace tapswitch {
namespace {

constexpr uint16_t kBuffers = 32;              // of each TAP; a power of two
constexpr uint32_t kBufferSize = 68U * 1024U;  // a GSO frame of 64 KiB and its headers
// From one buffer to the next: five cache lines off the page, so that the beginnings of frames, all
// that short ones touch, do not share a few sets of the cache.
constexpr size_t kStride = kBufferSize + 320;
// A turn queues at most a write for each buffer and a read for each TAP.
constexpr unsigned kSubmissions = std::bit_ceil(2U * kBuffers + 2U);
constexpr unsigned kCompletions = 2 * kSubmissions;

// Newer than Debian 12's headers.
constexpr uint8_t kReadMultishot = 49;              // IORING_OP_READ_MULTISHOT, Linux 6.7
constexpr unsigned kUdpSegmentation = 0x20 | 0x40;  // TUN_F_USO4 | TUN_F_USO6, Linux 6.2

// What a completion is of: its user_data. Reads use the number of their TAP, 0 or 1.
constexpr uint64_t kWrite = 2;

[[noreturn]] void Die(std::string_view what, int error) {
  std::fprintf(stderr, "relay: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
               std::strerror(error));
  std::exit(EXIT_FAILURE);
}

void CheckErrno(bool good, const std::string& what) {
  if (!good) Die(what, errno);
}

// liburing returns errors as -errno.
void CheckResult(int result, std::string_view what) {
  if (result < 0) Die(what, -result);
}

void EnterNamespace(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  CheckErrno(file.valid() && setns(file.get(), CLONE_NEWNET) == 0, path);
}

void BringUp(const std::string& name) {
  const FileDescriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  CheckErrno(ioctl(any.get(), SIOCGIFFLAGS, &request) == 0, name);
  request.ifr_flags = static_cast<int16_t>(request.ifr_flags | IFF_UP);
  CheckErrno(ioctl(any.get(), SIOCSIFFLAGS, &request) == 0, name + " up");
}

// Creates a TAP in the namespace that the thread is in.
FileDescriptor CreateTap(const std::string& name) {
  FileDescriptor tap(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  CheckErrno(tap.valid(), "/dev/net/tun");
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  CheckErrno(ioctl(tap.get(), TUNSETIFF, &request) == 0, "TAP " + name);
  constexpr unsigned kOffloads =
      TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | kUdpSegmentation;
  CheckErrno(ioctl(tap.get(), TUNSETOFFLOAD, kOffloads) == 0, name + " offloads");
  BringUp(name);
  return tap;
}

// `spec` is NAME[,netns=NAMESPACE].
FileDescriptor OpenTap(std::string_view spec) {
  constexpr std::string_view kKey = ",netns=";
  const size_t comma = spec.find(kKey);
  const std::string name(spec.substr(0, comma));
  if (comma == std::string_view::npos) return CreateTap(name);
  const FileDescriptor home(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  EnterNamespace("/run/netns/" + std::string(spec.substr(comma + kKey.size())));
  FileDescriptor tap = CreateTap(name);
  CheckErrno(setns(home.get(), CLONE_NEWNET) == 0, "way back from the namespace");
  return tap;
}

void* MapPages(size_t size) {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CheckErrno(pages != MAP_FAILED, "memory");
  return pages;
}

// The buffers that frames of one TAP are read into, and the ring that hands them to the kernel.
// They live until the process ends.
class BufferGroup {
 public:
  BufferGroup(io_uring& ring, uint16_t group)
      : bytes_(static_cast<std::byte*>(MapPages(kBuffers * kStride))),
        entries_(static_cast<io_uring_buf_ring*>(MapPages(kBuffers * sizeof(io_uring_buf)))) {
    io_uring_buf_reg registration{};
    registration.ring_addr = std::bit_cast<uint64_t>(entries_);
    registration.ring_entries = kBuffers;
    registration.bgid = group;
    CheckResult(io_uring_register_buf_ring(&ring, &registration, 0), "buffer ring");
    io_uring_buf_ring_init(entries_);
    for (uint16_t id = 0; id < kBuffers; ++id) Return(id);
    Publish();
  }

  [[nodiscard]] std::byte* address(uint16_t id) const { return bytes_ + id * kStride; }

  // Takes effect with the next Publish().
  void Return(uint16_t id) {
    io_uring_buf_ring_add(entries_, address(id), kBufferSize, id, io_uring_buf_ring_mask(kBuffers),
                          returned_++);
  }

  void Publish() {
    io_uring_buf_ring_advance(entries_, returned_);
    returned_ = 0;
  }

 private:
  std::byte* bytes_;
  io_uring_buf_ring* entries_;
  int returned_ = 0;
};

io_uring MakeRing() {
  io_uring ring{};
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE;
  params.cq_entries = kCompletions;
  CheckResult(io_uring_queue_init_params(kSubmissions, &ring, &params), "io_uring");
  CheckResult(io_uring_register_ring_fd(&ring), "io_uring's own file");
  return ring;
}

class Relay {
 public:
  explicit Relay(const std::array<int, 2>& taps)
      : groups_{BufferGroup(ring_, 0), BufferGroup(ring_, 1)} {
    CheckResult(io_uring_register_files(&ring_, taps.data(), 2), "files");
    for (const unsigned tap : {0U, 1U}) StartRead(tap);
  }

  [[noreturn]] void Run() {
    for (;;) {
      const int result = io_uring_submit_and_wait(&ring_, 1);
      if (result != -EINTR) CheckResult(result, "io_uring_enter");
      Forward();
    }
  }

 private:
  void Forward() {
    std::array<bool, 2> ended{};
    unsigned seen = 0;
    unsigned head = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++seen;
      if (completion->user_data == kWrite) continue;  // it failed: the frame is lost
      const auto tap = static_cast<unsigned>(completion->user_data);
      if ((completion->flags & IORING_CQE_F_BUFFER) != 0) Write(tap, *completion);
      if ((completion->flags & IORING_CQE_F_MORE) == 0) {
        if (completion->res != -ENOBUFS) CheckResult(completion->res, "read");
        ended[tap] = true;
      }
    }
    io_uring_cq_advance(&ring_, seen);
    for (const unsigned tap : {0U, 1U}) {
      groups_[tap].Publish();
      if (ended[tap]) StartRead(tap);
    }
  }

  void Write(unsigned from, const io_uring_cqe& read) {
    BufferGroup& group = groups_[from];
    const auto id = static_cast<uint16_t>(read.flags >> IORING_CQE_BUFFER_SHIFT);
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_write(entry, from == 0 ? 1 : 0, group.address(id),
                        static_cast<unsigned>(read.res), 0);
    entry->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = kWrite;
    group.Return(id);
  }

  void StartRead(unsigned tap) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_rw(kReadMultishot, entry, static_cast<int>(tap), nullptr, 0, 0);
    entry->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry->buf_group = static_cast<uint16_t>(tap);
    entry->user_data = tap;
  }

  io_uring ring_ = MakeRing();
  std::array<BufferGroup, 2> groups_;
};

}  // namespace
}  // namespace tapswitch

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s TAP1[,netns=NAME] TAP2[,netns=NAME]\n", argv[0]);
    return EXIT_FAILURE;
  }
  const tapswitch::FileDescriptor first = tapswitch::OpenTap(argv[1]);
  const tapswitch::FileDescriptor second = tapswitch::OpenTap(argv[2]);
  tapswitch::Relay relay({first.get(), second.get()});
  std::puts("ready");
  std::fflush(stdout);
  relay.Run();
}
