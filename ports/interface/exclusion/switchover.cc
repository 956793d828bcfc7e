#include "ports/interface/exclusion/switchover.h"

#include <fcntl.h>
#include <linux/bpf.h>
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

namespace tapswitch {
namespace {

constexpr int kAcceptWhole = -1;  // of a frame, all of its bytes
constexpr int kRefuse = 0;

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

void AcceptEverything(int socket) {
  const int unused = 0;
  static_cast<void>(SetFilterOf(socket, SO_DETACH_FILTER, &unused, sizeof(unused), ""));
}

}  // namespace

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

absl::StatusOr<FileDescriptor> Switchover::AttachDrop(const NetworkNamespace& netns,
                                                      int ifindex) const {
  if (map_.valid()) {
    auto link = AttachTcx(netns, ifindex, drop_);
    if (link.ok()) return link;
  }
  return absl::UnimplementedError(
      "to take a bridge over without a loss takes Linux 6.6 or later, and CAP_BPF: give the switch "
      "both, or move the ports one by one: ip link set dev NAME nomaster, tapctl port add "
      "netdev:NAME");
}

absl::Status Switchover::Probe(const NetworkNamespace& netns) const {
  return AttachDrop(netns, master_).status();
}

absl::StatusOr<std::unique_ptr<HostExclusion>> Switchover::Prepare(
    const NetworkNamespace& netns, int ifindex, std::span<const FileDescriptor> sockets) {
  auto link = AttachDrop(netns, ifindex);
  if (!link.ok()) return link.status();
  for (const FileDescriptor& socket : sockets) {
    if (absl::Status prepared = PrepareSocket(socket); !prepared.ok()) return prepared;
  }
  return HostExclusion::ByLink(*std::move(link), /*carries=*/false);
}

absl::Status Switchover::PrepareSocket(const FileDescriptor& socket) {
  FileDescriptor kept(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (!kept.valid()) return absl::ErrnoToStatus(errno, "dup of a packet socket");
  const int program = accept_.get();
  absl::Status set =
      SetFilterOf(socket.get(), SO_ATTACH_BPF, &program, sizeof(program), "SO_ATTACH_BPF");
  if (set.ok()) sockets_.push_back(std::move(kept));
  return set;
}

absl::Status Switchover::Complete() {
  if (absl::Status done = WriteNumber(map_.get(), 1); !done.ok()) return done;
  // The filters have done their work, and would cost time with each frame. Others may be set once
  // it is complete.
  for (const FileDescriptor& socket : sockets_) AcceptEverything(socket.get());
  is_complete_.store(true, std::memory_order_release);
  sockets_.clear();
  for (const auto& function : std::exchange(after_, {})) function();
  return absl::OkStatus();
}

void Switchover::Reverse() {
  if (is_complete()) static_cast<void>(WriteNumber(map_.get(), 0));
}

}  // namespace tapswitch
