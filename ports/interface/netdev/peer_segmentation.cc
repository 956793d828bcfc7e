#include "ports/interface/netdev/peer_segmentation.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/exclusion/bpf_link.h"
#include "ports/interface/netdev/ethtool.h"
#include "ports/os/mutex.h"

namespace tapswitch {
namespace {

constexpr std::string_view kProgramName = "tapswitch_pass";

FileDescriptor LoadPassProgram() {
  constexpr auto kPass = ReturnOf(XDP_PASS);
  BpfProgram program{
      .type = BPF_PROG_TYPE_XDP, .code = kPass, .name = kProgramName, .flags = BPF_F_XDP_HAS_FRAGS};
  FileDescriptor loaded = LoadProgram(program);
  if (loaded.valid() || errno != EINVAL) return loaded;
  // Before Linux 5.18 there are no frames of several fragments, nor MTUs beyond a page then.
  program.flags = 0;
  return LoadProgram(program);
}

// One for all ports, which is kept: a switch that has given up CAP_BPF since can still attach it.
// Invalid, and errno, as long as none could be loaded.
const FileDescriptor& PassProgram() {
  static Mutex mutex;
  static FileDescriptor program;
  const MutexLock lock(mutex);
  if (!program.valid()) program = LoadPassProgram();
  return program;
}

// A request of ethtool about one value of an interface, where the thread is. Nothing on an error.
std::optional<uint32_t> Ethtool(int ifindex, uint32_t command, uint32_t value = 0) {
  ethtool_value argument{.cmd = command, .data = value};
  return CallEthtool(ifindex, &argument) ? std::optional(argument.data) : std::nullopt;
}

// Returns whether that has changed it.
bool SetGro(const NetworkNamespace& netns, int ifindex, bool on) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return false;
  const auto is_on = Ethtool(ifindex, ETHTOOL_GGRO);
  if (!is_on || (*is_on != 0) == on) return false;
  return Ethtool(ifindex, ETHTOOL_SGRO, on ? 1 : 0).has_value();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeerSegmentationOff>> PeerSegmentationOff::Apply(
    const NetworkNamespace& netns, int ifindex) {
  const FileDescriptor& program = PassProgram();
  if (!program.valid()) return absl::ErrnoToStatus(errno, "loading an XDP program");
  auto kept = netns.Copy();
  if (!kept.ok()) return kept.status();
  // In the driver only: the features do not follow a program in front of the stack.
  auto link = LinkProgram(
      netns, program, {.ifindex = ifindex, .attach_type = BPF_XDP, .flags = XDP_FLAGS_DRV_MODE});
  if (!link.ok()) return link.status();
  std::unique_ptr<PeerSegmentationOff> applied(
      new PeerSegmentationOff(*std::move(kept), ifindex, *std::move(link)));
  // Some kernels have turned it on by themselves then, and turn it off.
  applied->made_gro_ = SetGro(netns, ifindex, true);
  return applied;
}

bool PeerSegmentationOff::HandOver(PortHandover& to) const {
  to.numbers["made_gro"] = made_gro_ ? 1 : 0;
  return to.AddCopy("peer_segmentation", program_.get());
}

absl::StatusOr<std::unique_ptr<PeerSegmentationOff>> PeerSegmentationOff::Inherit(
    const NetworkNamespace& netns, int ifindex, PortHandover& inherited) {
  if (!inherited.has("peer_segmentation")) return nullptr;
  auto kept = netns.Copy();
  if (!kept.ok()) return kept.status();
  std::unique_ptr<PeerSegmentationOff> made(
      new PeerSegmentationOff(*std::move(kept), ifindex, inherited.Take("peer_segmentation")));
  made->made_gro_ = inherited.number("made_gro") != 0;
  return made;
}

PeerSegmentationOff::PeerSegmentationOff(NetworkNamespace netns, int ifindex,
                                         FileDescriptor program)
    : netns_(std::move(netns)), ifindex_(ifindex), program_(std::move(program)) {}

PeerSegmentationOff::~PeerSegmentationOff() {
  if (made_gro_) SetGro(netns_, ifindex_, false);
}

}  // namespace tapswitch
