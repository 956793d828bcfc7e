#include "tests/support/kernel_receive.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/pkt_cls.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/fastpath/fastpath_abi.h"
#include "ports/port_handover.h"
#include "switch/forwarding/wire/ethernet.h"
#include "tests/support/kernel_receive_abi.h"
#include "tests/support/program_run.h"

namespace tapswitch {
namespace {

constexpr const char* kReceive = "kernel_receive";
constexpr const char* kSend = "kernel_send";
constexpr uint32_t kLoopback = 1;

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

absl::Status UseMaps(bpf_object* object, PortHandover& files) {
  const tapswitch_constants constants{.mark = 0x80001234};
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string_view name = bpf_map__name(map);
    const bool is_constants = name.ends_with(".rodata");
    const FileDescriptor file = is_constants ? FileDescriptor() : files.Take(name);
    const int error = is_constants ? bpf_map__set_initial_value(map, &constants, sizeof(constants))
                                   : bpf_map__reuse_fd(map, file.get());
    if (error != 0) return absl::ErrnoToStatus(-error, bpf_map__name(map));
  }
  return absl::OkStatus();
}

FileDescriptor Program(bpf_object* object, const char* name) {
  return FileDescriptor(
      fcntl(bpf_program__fd(bpf_object__find_program_by_name(object, name)), F_DUPFD_CLOEXEC, 0));
}

std::vector<uint8_t> NumbersOf(std::span<const std::byte> bytes) {
  std::vector<uint8_t> numbers;
  for (const std::byte byte : bytes) numbers.push_back(static_cast<uint8_t>(byte));
  return numbers;
}

// Puts the tag back that is beside the bytes.
std::vector<std::byte> OnTheWire(const ProgramRun& run) {
  std::vector<std::byte> bytes;
  for (const uint8_t number : run.frame) bytes.push_back(std::byte{number});
  if (run.skb.cb[RECEIVE_HAS_TAG] == 0) return bytes;
  std::array<std::byte, kVlanTagSize> tag{};
  StoreBe32(tag.data(), run.skb.cb[RECEIVE_TAG]);
  bytes.insert(bytes.begin() + kTypeOffset, tag.begin(), tag.end());
  return bytes;
}

}  // namespace

absl::StatusOr<KernelReceive> KernelReceive::Load(KernelForwarding& kernel) {
  PortHandover files;
  if (!kernel.HandOver(files)) return absl::InternalError("no descriptors");
  const std::unique_ptr<bpf_object, CloseObject> object(
      bpf_object__open_file(KERNEL_RECEIVE_OBJECT, nullptr));
  if (object == nullptr) return absl::ErrnoToStatus(errno, KERNEL_RECEIVE_OBJECT);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const std::string_view name = bpf_program__name(program);
    bpf_program__set_autoload(program, name == kReceive || name == kSend);
  }
  if (absl::Status set = UseMaps(object.get(), files); !set.ok()) return set;
  if (const int error = bpf_object__load(object.get()); error != 0) {
    return absl::ErrnoToStatus(-error, kReceive);
  }
  return KernelReceive(Program(object.get(), kReceive), Program(object.get(), kSend));
}

KernelReceipt KernelReceive::Run(const FileDescriptor& program, uint32_t ifindex,
                                 std::span<const std::byte> frame, uint32_t gso_size) {
  __sk_buff skb = EmptySkb();
  if (ifindex != kLoopback) skb.ifindex = ifindex;
  skb.gso_size = gso_size;
  skb.gso_segs = gso_size == 0 ? 0 : 2;
  std::vector<uint8_t> bytes = NumbersOf(frame);
  if (const auto header = ParseHeader(frame); header && header->tag) {
    skb.mark = static_cast<uint32_t>(header->tag->protocol) << 16U | header->tag->control;
    bytes.erase(bytes.begin() + kTypeOffset, bytes.begin() + kTypeOffset + kVlanTagSize);
  }
  const ProgramRun run = RunProgram(program.get(), bytes, skb);
  if (run.result == RECEIVE_BY_SWITCH) return {};
  if (run.result != uint32_t{TC_ACT_REDIRECT}) {
    EXPECT_EQ(run.result, uint32_t{TC_ACT_SHOT});
    return {.way = KernelReceipt::Way::kDropped};
  }
  EXPECT_EQ(run.skb.cb[RECEIVE_LEFT], 0U) << "the verdict is left in the frame";
  return {.way = KernelReceipt::Way::kCarried,
          .egress_ifindex = run.skb.mark,
          .is_direct = run.skb.cb[RECEIVE_ACTION] >> 8U == TAPSWITCH_WAY_PEER,
          .comes_in = run.skb.priority == BPF_F_INGRESS,
          .bytes = OnTheWire(run)};
}

}  // namespace tapswitch
