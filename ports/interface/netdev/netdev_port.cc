#include "ports/interface/netdev/netdev_port.h"

#include <atomic>
#include <utility>

#include "ports/interface/link_answer.h"
#include "ports/interface/netdev/netdev_device.h"
#include "ports/interface/netdev/packet_offloads.h"

namespace tapswitch {

NetdevPort::NetdevPort(PortIdentity identity, Queue queue)
    : InterfacePort(
          std::move(identity),
          {.file = std::move(queue.socket),
           .kind = FileKind::kPacketSocket,
           .accepted = queue.accepted,
           .link = {.role = queue.role, .query = std::move(queue.query), .refresh = queue.refresh},
           .discard = queue.discard,
           .new_file = std::move(queue.new_socket),
           .shared_with_host = queue.shared_with_host,
           .told_unsupported = std::move(queue.told_unsupported),
           .framing = queue.framing}),
      missed_(std::move(queue.missed)),
      new_seat_(std::move(queue.seat)),
      hand_over_(std::move(queue.hand_over)),
      carrier_(std::move(queue.carrier)),
      new_bpdus_(std::move(queue.new_bpdus)),
      refresh_(std::move(queue.refresh)),
      discard_(std::move(queue.discard)),
      was_taken_over_(queue.was_taken_over),
      seat_(new_seat_ ? new_seat_() : nullptr) {}

void NetdevPort::RefreshCounters() {
  PortCounters& counters = *identity().counters;
  const uint32_t missed = missed_(fd());
  counters.received.frames += missed;
  counters.Drop(DropReason::kReceiveQueueFull, missed);
  if (seat_) seat_->Lost(missed);
}

bool NetdevPort::ReceiveLostBpdus(FrameBatch& received) {
  if (!new_bpdus_) return false;
  ListenForBpdus();
  const bool has_lost = HasLost();
  if (!has_lost) bpdus_.Forget();
  return has_lost && bpdus_.Receive(identity(), received);
}

// The socket is opened by the thread that asks after the interface, once it is asked for.
void NetdevPort::ListenForBpdus() {
  if (FileDescriptor socket = new_bpdus_(); socket.valid()) {
    CloseBpdus();
    bpdus_.Open(std::move(socket));
  }
  if (refresh_ && !std::exchange(has_asked_, true)) refresh_();
}

void NetdevPort::CloseBpdus() {
  FileDescriptor socket = bpdus_.Close();
  if (socket.valid() && discard_) discard_(std::make_shared<FileDescriptor>(std::move(socket)));
}

bool NetdevPort::HasLost() {
  RefreshCounters();
  const uint64_t lost = identity().counters->dropped(DropReason::kReceiveQueueFull);
  return std::exchange(lost_, lost) != lost;
}

void NetdevPort::OnSent() {
  if (!seat_) return;
  const uint64_t taken = frames_taken();
  seat_->Done(taken - std::exchange(done_, taken));
}

KernelPath NetdevPort::kernel_path() const {
  const bool has_filter = seat_ != nullptr && seat_->in_use();
  return {.is_interface = true, .is_taken_over = was_taken_over_ && !has_filter, .seat = seat_};
}

// What was in the old socket is gone, with its seat.
void NetdevPort::OnFileSwitched() {
  CloseBpdus();
  has_asked_ = false;
  seat_ = new_seat_ ? new_seat_() : nullptr;
  done_ = frames_taken();
}

absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenNetdevPort(
    std::span<const PortIdentity> identities, const NetdevOptions& options, LinkMonitor& monitor,
    const LinkSharing& share, AttachNotes& notes, MissingInterface missing,
    const std::shared_ptr<Switchover>& switchover, KernelForwarding* kernel,
    std::shared_ptr<FarEnd> far_end, PortHandover* inherited) {
  const KernelAccess access{.kernel = kernel, .port = identities[0].id};
  const bool is_inherited = inherited != nullptr && inherited->has(PortHandover::QueueName(0));
  auto opened = is_inherited
                    ? NetdevDevice::Inherit(options, *inherited, identities.size(), access)
                    : NetdevDevice::Open(options, identities.size(), missing, switchover, access);
  if (!opened.ok()) return opened.status();
  const std::shared_ptr<NetdevDevice> device = *std::move(opened);
  notes = {.warnings = device->warnings(), .address = device->first_address()};
  const SharedLinkQueries queries =
      share(identities[0], [device, far_end = std::move(far_end), &monitor] {
        auto link = device->Query(monitor);
        if (link.ok() && far_end != nullptr) far_end->Describe(monitor, *link);
        return link;
      });
  if (switchover != nullptr && queries.refresh) switchover->OnComplete(queries.refresh);
  const auto told_unsupported = std::make_shared<std::atomic_flag>();
  std::vector<std::unique_ptr<Port>> ports;
  for (const PortIdentity& identity : identities) {
    const size_t number = ports.size();
    const bool is_first = number == 0;
    NetdevPort::Queue queue{
        .role = is_first ? QueueRole::kFirst : QueueRole::kFollower,
        .socket = device->TakeSocket(number),
        .query = is_first ? queries.first : queries.others,
        .refresh = queries.refresh,
        .discard = queries.discard,
        .missed = NetdevDevice::TakeMissed,
        .shared_with_host = options.shared_with_host,
        .was_taken_over = device->was_taken_over(),
        .new_socket = [device, number] { return device->TakeSocket(number); },
        .accepted = PacketSocketOffloads(),
        .told_unsupported = told_unsupported,
        .seat = [device, number] { return device->SeatOf(number); },
        .hand_over = [device](PortHandover& to) { return device->HandOver(to); },
        .framing = options.is_layer3 ? Framing::kLayer3 : Framing::kEthernet,
        .carrier = [device](bool is_on) { return device->SetCarrier(is_on); },
    };
    if (is_first && !options.is_layer3) {
      queue.new_bpdus = [device] { return device->TakeBpduSocket(); };
    }
    ports.push_back(std::make_unique<NetdevPort>(identity, std::move(queue)));
  }
  return ports;
}

}  // namespace tapswitch
