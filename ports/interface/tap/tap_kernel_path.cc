#include "ports/interface/tap/tap_kernel_path.h"

#include <cerrno>
#include <string>
#include <utility>

#include "ports/interface/exclusion/bpf_link.h"
#include "ports/netlink/link_drops.h"
#include "ports/os/netns.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

constexpr const char* kLink = "kernel_link";
constexpr const char* kDropped = "tx_dropped";

// As that of a netdev port (kernel_attachment.cc): 0 is what is missing.
constexpr const char* kSeat = "seat";

absl::StatusOr<FileDescriptor> AttachHere(int ifindex, const FileDescriptor& program) {
  const auto netns = NetworkNamespace::Current();
  if (!netns.ok()) return netns.status();
  return LinkProgram(*netns, program,
                     {.ifindex = ifindex, .attach_type = kTcxEgress, .flags = kTcxBefore});
}

}  // namespace

// A process that was killed had not counted all that it had read.
TapKernelPath::TapKernelPath(KernelAccess access, OffloadSet accepted, PortHandover* inherited)
    : access_(access) {
  if (access_.kernel == nullptr || accepted != OffloadSet::All()) return;
  const uint64_t seat = inherited == nullptr ? 0 : inherited->number(kSeat);
  if (seat != 0) {
    const bool was_killed = inherited->number("killed") != 0;
    seat_ = access_.kernel->InheritSeat(static_cast<uint32_t>(seat - 1), was_killed);
    if (seat_ != nullptr) link_ = inherited->Take(kLink);
    if (seat_ != nullptr && !was_killed) dropped_ = inherited->number(kDropped);
  }
  if (seat_ == nullptr) seat_ = access_.kernel->NewSeat();
}

void TapKernelPath::Follow(const LinkEvent& link) {
  if (seat_ == nullptr) return;
  const bool is_here = !link.removed && link.netns == access_.kernel->netns();
  if (ifindex_ != 0 && (!is_here || link.ifindex != ifindex_)) Leave();
  if (!is_here) return;
  if (ifindex_ == 0 && (link_.valid() || access_.kernel->has_carriers())) Attach(link.ifindex);
  if (ifindex_ == 0) return;
  // What was to leave meanwhile has gone elsewhere.
  const bool is_up = link.up && link.carrier;
  if (is_up && !std::exchange(was_up_, is_up)) seat_->Settle();
  was_up_ = is_up;
  NoteLost();
}

// What another process has attached has counted on.
void TapKernelPath::Attach(int ifindex) {
  const bool is_new = !link_.valid();
  if (!dropped_) dropped_ = ReadTxDropped(ifindex);
  absl::Status attached = access_.kernel->SetSeat(ifindex, *seat_);
  if (attached.ok() && is_new) {
    auto link = AttachHere(ifindex, access_.kernel->tap_program());
    attached = link.status();
    if (link.ok()) link_ = *std::move(link);
  }
  if (!attached.ok()) {
    spdlog::debug("the kernel carries nothing that comes from interface {}: {}", ifindex,
                  std::string(attached.message()));
    return access_.kernel->RemoveSeat(ifindex);
  }
  ifindex_ = ifindex;
  if (is_new) seat_->Settle();
  was_up_ = true;  // or nothing is sent by it, and nothing to be put right
  seat_->set_in_use(true);
}

// Some may have been lost before the program was there.
void TapKernelPath::NoteLost() {
  const auto dropped = ReadTxDropped(ifindex_);
  if (!dropped) return;
  const uint64_t before = std::exchange(dropped_, dropped).value_or(*dropped);
  if (*dropped <= before) return;
  seat_->Lost(*dropped - before);
  seat_->DoneIfSeen(0);
}

// The next interface may get the number of this one.
void TapKernelPath::Leave() {
  link_ = {};
  dropped_.reset();
  if (ifindex_ == 0) return;
  seat_->set_in_use(false);
  access_.kernel->End(access_.port);
  access_.kernel->RemoveSeat(std::exchange(ifindex_, 0));
}

absl::Status TapKernelPath::HandOver(PortHandover& to) const {
  if (ifindex_ == 0) return absl::OkStatus();
  to.numbers[kSeat] = uint64_t{seat_->number()} + 1;
  if (dropped_) to.numbers[kDropped] = *dropped_;
  if (to.AddCopy(kLink, link_.get())) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "dup of an open file");
}

}  // namespace tapswitch
