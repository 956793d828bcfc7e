#include "ports/interface/exclusion/switchover.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "ports/interface/exclusion/bpf_code.h"
#include "ports/interface/exclusion/bpf_link.h"
#include "ports/interface/exclusion/tcx_link.h"
#include "ports/os/mutex.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

constexpr int kAcceptWhole = -1;  // of a frame, all of its bytes
constexpr int kRefuse = 0;

class FileExclusion final : public HostExclusion {
 public:
  explicit FileExclusion(FileDescriptor link)
      : HostExclusion(/*carries=*/false), link_(std::move(link)) {}

 private:
  FileDescriptor link_;
};

// Returns `after` if the number in the map is not 0, else `before`.
std::array<bpf_insn, 13> ByNumber(int map_file, int before, int after) {
  using namespace bpf_code;
  constexpr int kKey = -4;  // on the stack
  const auto map = LoadMap(BPF_REG_1, map_file);
  return {{
      Set(BPF_REG_0, 0),
      Store(BPF_W, BPF_REG_10, kKey, BPF_REG_0),
      Move(BPF_REG_2, BPF_REG_10),
      Add(BPF_REG_2, kKey),
      map[0],
      map[1],
      Call(BPF_FUNC_map_lookup_elem),
      // The whole pointer is compared.
      Make(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 3, 0),
      Load(BPF_W, BPF_REG_1, BPF_REG_0, 0),
      Set(BPF_REG_0, after),
      JumpIf(BPF_JNE, BPF_REG_1, 0, 1),
      Set(BPF_REG_0, before),
      Exit(),
  }};
}

FileDescriptor MakeMap() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = sizeof(uint32_t);
  attributes.value_size = sizeof(uint32_t);
  attributes.max_entries = 1;
  return Bpf(BPF_MAP_CREATE, attributes);
}

absl::Status WriteNumber(int map, uint32_t number) {
  const uint32_t key = 0;
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(map);
  attributes.key = reinterpret_cast<uintptr_t>(&key);
  attributes.value = reinterpret_cast<uintptr_t>(&number);
  if (syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attributes, sizeof(attributes)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "BPF_MAP_UPDATE_ELEM");
}

absl::Status SetFilterOf(int socket, int option, const void* value, socklen_t size,
                         const char* what) {
  if (setsockopt(socket, SOL_SOCKET, option, value, size) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, what);
}

absl::Status RefuseEverything(int socket) {
  std::array<sock_filter, 1> program{{BPF_STMT(BPF_RET | BPF_K, kRefuse)}};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  return SetFilterOf(socket, SO_ATTACH_FILTER, &filter, sizeof(filter), "SO_ATTACH_FILTER");
}

void AcceptEverything(int socket) {
  const int unused = 0;
  static_cast<void>(SetFilterOf(socket, SO_DETACH_FILTER, &unused, sizeof(unused), ""));
}

}  // namespace

// Excludes the host when it is told to, unless it was ended before. Several threads use it: the one
// that completes, and the one that notices that the interface is gone.
class Switchover::Deferred {
 public:
  Deferred(NetworkNamespace netns, int ifindex) : netns_(std::move(netns)), ifindex_(ifindex) {}

  absl::Status Begin() {
    const MutexLock lock(mutex_);
    if (ended_) return absl::OkStatus();
    auto exclusion = HostExclusion::Apply(netns_, ifindex_);
    if (!exclusion.ok()) return exclusion.status();
    exclusion_ = *std::move(exclusion);
    return absl::OkStatus();
  }
  void End() {
    const MutexLock lock(mutex_);
    ended_ = true;
    exclusion_.reset();
  }

  class Handle final : public HostExclusion {
   public:
    explicit Handle(std::shared_ptr<Deferred> deferred)
        : HostExclusion(/*carries=*/false), deferred_(std::move(deferred)) {}
    ~Handle() override { deferred_->End(); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

   private:
    std::shared_ptr<Deferred> deferred_;
  };

 private:
  NetworkNamespace netns_;
  int ifindex_;
  Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<HostExclusion> exclusion_ ABSL_GUARDED_BY(mutex_);
};

Switchover::Switchover(int master) : master_(master), map_(MakeMap()) {
  constexpr int kTcxNext = -1;
  if (!map_.valid()) return;
  const auto drop = ByNumber(map_.get(), kTcxNext, kTcxDrop);
  drop_ = LoadProgram({.type = BPF_PROG_TYPE_SCHED_CLS, .code = drop, .name = kTcxDropName});
  const auto accept = ByNumber(map_.get(), kRefuse, kAcceptWhole);
  accept_ =
      LoadProgram({.type = BPF_PROG_TYPE_SOCKET_FILTER, .code = accept, .name = "tapswitch_take"});
  if (!drop_.valid() || !accept_.valid()) map_ = {};
}

Switchover::~Switchover() = default;

absl::StatusOr<std::unique_ptr<HostExclusion>> Switchover::Prepare(const NetworkNamespace& netns,
                                                                   int ifindex, int socket) {
  if (map_.valid() && deferred_.empty()) {
    auto prepared = PrepareByBpf(netns, ifindex, socket);
    if (prepared.ok() || !sockets_.empty()) return prepared;
    map_ = {};  // no TCX on this kernel
  }
  FileDescriptor kept(fcntl(socket, F_DUPFD_CLOEXEC, 0));
  if (!kept.valid()) return absl::ErrnoToStatus(errno, "dup of a packet socket");
  if (absl::Status refused = RefuseEverything(socket); !refused.ok()) return refused;
  auto own = NetworkNamespace::FromFile(FileDescriptor(fcntl(netns.fd(), F_DUPFD_CLOEXEC, 0)),
                                        "the namespace of the interface");
  if (!own.ok()) return own.status();
  deferred_.push_back(std::make_shared<Deferred>(*std::move(own), ifindex));
  sockets_.push_back(std::move(kept));
  return std::make_unique<Deferred::Handle>(deferred_.back());
}

absl::StatusOr<std::unique_ptr<HostExclusion>> Switchover::PrepareByBpf(
    const NetworkNamespace& netns, int ifindex, int socket) {
  auto link = AttachTcx(netns, ifindex, drop_);
  if (!link.ok()) return link.status();
  FileDescriptor kept(fcntl(socket, F_DUPFD_CLOEXEC, 0));
  if (!kept.valid()) return absl::ErrnoToStatus(errno, "dup of a packet socket");
  const int program = accept_.get();
  absl::Status set = SetFilterOf(socket, SO_ATTACH_BPF, &program, sizeof(program), "SO_ATTACH_BPF");
  if (!set.ok()) return set;
  sockets_.push_back(std::move(kept));
  return std::make_unique<FileExclusion>(*std::move(link));
}

absl::Status Switchover::CompleteByFilters() {
  for (const auto& deferred : deferred_) {
    if (absl::Status begun = deferred->Begin(); !begun.ok()) return begun;
  }
  return absl::OkStatus();
}

absl::Status Switchover::Complete() {
  absl::Status done = map_.valid() ? WriteNumber(map_.get(), 1) : CompleteByFilters();
  if (!done.ok()) return done;
  // The filters have done their work, and would cost time with each frame. Others may be set once
  // it is complete.
  for (const FileDescriptor& socket : sockets_) AcceptEverything(socket.get());
  is_complete_.store(true, std::memory_order_release);
  sockets_.clear();
  deferred_.clear();
  for (const auto& function : std::exchange(after_, {})) function();
  return absl::OkStatus();
}

void Switchover::Reverse() {
  if (map_.valid() && is_complete()) static_cast<void>(WriteNumber(map_.get(), 0));
}

}  // namespace tapswitch
