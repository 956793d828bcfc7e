#include "ports/vhost_user/session.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "ports/vhost_user/features.h"
#include "ports/vhost_user/front_end_files.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr uint64_t Bit(unsigned number) { return uint64_t{1} << number; }

absl::Status Refused(const VhostMessage& message, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", NameOf(message.request), what));
}

// A file of another kind could stop whoever waits for it.
absl::StatusOr<SharedFile> TakeEventFile(const VhostMessage& message, FileDescriptor file) {
  if (KindOfFrontEndFile(file.get()) != FrontEndFile::kEvent) {
    return Refused(message, "its file is no eventfd");
  }
  return std::make_shared<const FileDescriptor>(std::move(file));
}

// The requests that an honest front end may make in vain. It is told so if it waits for a reply,
// and goes on without; otherwise its connection ends, as it could not know.
bool MayBeRefused(VhostRequest request) {
  return request == VhostRequest::kSetMemTable || request == VhostRequest::kAddMemReg ||
         request == VhostRequest::kNetSetMtu;
}

std::byte* RingPart(const MemoryMap& map, uint64_t address, size_t size, size_t alignment) {
  const std::span<std::byte> bytes = map.FromUser(address);
  const bool is_aligned = reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0;
  return bytes.size() >= size && is_aligned ? bytes.data() : nullptr;
}

VringSide SideOf(uint32_t ring) { return static_cast<VringSide>(ring % 2); }

}  // namespace

uint64_t VhostSession::OfferedFeatures() {
  uint64_t bits = 0;
  for (const VirtioFeature& feature : kOfferedFeatures) bits |= Bit(feature.bit);
  return bits;
}

uint64_t VhostSession::OfferedProtocolFeatures() {
  uint64_t bits = 0;
  for (const unsigned bit : kOfferedProtocolFeatures) bits |= Bit(bit);
  return bits;
}

VhostSession::VhostSession(const Pairs& pairs, uint32_t mtu)
    : pairs_(pairs),
      offered_mtu_(mtu),
      mtu_(mtu),
      memory_(std::make_shared<const GuestMemory>()),
      rings_(2 * pairs.size()) {}

// Whoever asks for a reply gets one, also where the request has none of its own.
absl::StatusOr<VhostSession::Reply> VhostSession::Handle(const VhostMessage& message,
                                                         std::vector<FileDescriptor> files) {
  auto reply = Serve(message, files);
  Publish();
  const bool wants_reply = message.needs_reply && (protocol_features_ & Bit(kReplyAck)) != 0;
  if (!wants_reply || (reply.ok() && reply->has_value())) return reply;
  if (reply.ok()) return Reply(MakeNumberReply(message.request, 0));
  if (!MayBeRefused(message.request)) return reply;
  refused_ = std::string(reply.status().message());
  return Reply(MakeNumberReply(message.request, 1));
}

absl::StatusOr<VhostSession::Reply> VhostSession::Serve(const VhostMessage& message,
                                                        std::vector<FileDescriptor>& files) {
  const auto number = [&](uint64_t value) {
    return Reply(MakeNumberReply(message.request, value));
  };
  switch (message.request) {
    case VhostRequest::kGetFeatures:
      return number(OfferedFeatures());
    case VhostRequest::kGetProtocolFeatures:
      return number(OfferedProtocolFeatures());
    case VhostRequest::kGetQueueNum:
      return number(pairs_.size());
    case VhostRequest::kGetMaxMemSlots:
      return number(GuestMemory::kMaxRegions);
    case VhostRequest::kGetStatus:
      return number(device_status_);
    case VhostRequest::kGetVringBase:
      if (message.ring >= rings_.size()) return Refused(message, "there is no such ring");
      return Reply(MakeRingReply(message.request, message.ring, StopRing(message.ring)));
    default:
      break;
  }
  if (absl::Status changed = Change(message, files); !changed.ok()) return changed;
  return Reply();
}

absl::Status VhostSession::Change(const VhostMessage& message, std::vector<FileDescriptor>& files) {
  switch (message.request) {
    case VhostRequest::kSetFeatures:
      return SetFeatures(message);
    case VhostRequest::kSetProtocolFeatures:
      if ((message.value & ~OfferedProtocolFeatures()) != 0) {
        return Refused(message, fmt::format("{:#x} has bits that were not offered", message.value));
      }
      protocol_features_ = message.value;
      return absl::OkStatus();
    case VhostRequest::kSetMemTable:
    case VhostRequest::kAddMemReg:
    case VhostRequest::kRemMemReg:
      return SetMemory(message, files);
    case VhostRequest::kSetStatus:
      device_status_ = static_cast<uint8_t>(message.value);
      if (device_status_ == 0) StopAll();
      return absl::OkStatus();
    case VhostRequest::kResetDevice:
      StopAll();
      DisableAll();
      return absl::OkStatus();
    case VhostRequest::kNetSetMtu:
      return SetMtu(message);
    case VhostRequest::kSendRarp:
      // The bytes of the address come in order, so the first is the lowest of the number.
      pairs_.front()->Announce(MacAddress::FromBytes(
          std::as_bytes(std::span(&message.value, 1)).first<kMacAddressSize>()));
      return absl::OkStatus();
    case VhostRequest::kSetOwner:
    case VhostRequest::kResetOwner:
      return absl::OkStatus();
    default:
      return SetRing(message, files);
  }
}

absl::Status VhostSession::SetFeatures(const VhostMessage& message) {
  if ((message.value & ~OfferedFeatures()) != 0) {
    return Refused(message, fmt::format("{:#x} has bits that were not offered", message.value));
  }
  if (std::exchange(features_, message.value) != message.value) RestartAll();
  return absl::OkStatus();
}

absl::Status VhostSession::SetMtu(const VhostMessage& message) {
  if (message.value < 68 || message.value > 65535) {
    return Refused(message, fmt::format("an MTU of {} is impossible", message.value));
  }
  mtu_ = static_cast<uint32_t>(message.value);
  return absl::OkStatus();
}

absl::Status VhostSession::SetMemory(const VhostMessage& message,
                                     std::vector<FileDescriptor>& files) {
  if (message.request == VhostRequest::kRemMemReg) {
    return UseMemory(memory_->Without(message.regions.front()));
  }
  auto memory = message.request == VhostRequest::kSetMemTable
                    ? std::make_shared<const GuestMemory>()
                    : memory_;
  for (size_t i = 0; i < message.regions.size(); ++i) {
    auto more = memory->With(message.regions[i], std::move(files[i]));
    if (!more.ok()) return UseMemory(std::move(more));
    memory = *std::move(more);
  }
  return UseMemory(std::move(memory));
}

absl::Status VhostSession::UseMemory(absl::StatusOr<std::shared_ptr<const GuestMemory>> memory) {
  if (!memory.ok()) {
    // QEMU sends a region's removal once per pair of queues.
    return absl::IsNotFound(memory.status()) ? absl::OkStatus() : memory.status();
  }
  memory_ = *std::move(memory);
  RestartAll();
  return absl::OkStatus();
}

absl::Status VhostSession::SetRing(const VhostMessage& message,
                                   std::vector<FileDescriptor>& files) {
  if (message.ring >= rings_.size()) {
    return Refused(message, fmt::format("there is no ring {}: the port has {} pairs of them",
                                        message.ring, pairs_.size()));
  }
  Ring& ring = rings_[message.ring];
  switch (message.request) {
    case VhostRequest::kSetVringNum:
      if (message.value == 0 || message.value > kMaxVringSize ||
          (message.value & (message.value - 1)) != 0) {
        return Refused(message, fmt::format("{} is no size of a ring", message.value));
      }
      if (ring.running) return Refused(message, "the ring runs");
      ring.size = static_cast<uint32_t>(message.value);
      break;
    case VhostRequest::kSetVringAddr:
      ring.has_address = true;
      ring.descriptors = message.descriptors;
      ring.available = message.available;
      ring.used = message.used;
      break;
    case VhostRequest::kSetVringBase:
      ring.base = static_cast<uint16_t>(message.value);
      return absl::OkStatus();
    case VhostRequest::kSetVringEnable:
      ring.enabled = message.value != 0;
      pair(message.ring).SetEnabled(SideOf(message.ring), IsEnabled(ring));
      return absl::OkStatus();
    default:
      return SetRingFile(message, ring, files);
  }
  StartIfReady(message.ring);
  return absl::OkStatus();
}

absl::Status VhostSession::SetRingFile(const VhostMessage& message, Ring& ring,
                                       std::vector<FileDescriptor>& files) {
  SharedFile file;
  if (message.has_descriptor) {
    auto taken = TakeEventFile(message, std::move(files.front()));
    if (!taken.ok()) return taken.status();
    file = *std::move(taken);
  }
  switch (message.request) {
    case VhostRequest::kSetVringCall:
      ring.call = file;
      pair(message.ring).SetCall(SideOf(message.ring), std::move(file));
      return absl::OkStatus();
    case VhostRequest::kSetVringErr:
      ring.error = file == nullptr ? FileDescriptor()
                                   : FileDescriptor(fcntl(file->get(), F_DUPFD_CLOEXEC, 0));
      return absl::OkStatus();
    default:
      if (file == nullptr)
        return Refused(message, "it has no eventfd, but the switch waits for one");
      ring.kick = std::move(file);
      StartIfReady(message.ring);
      return absl::OkStatus();
  }
}

uint32_t VhostSession::StopRing(uint32_t index) {
  Ring& ring = rings_[index];
  ring.base = pair(index).Stop(SideOf(index)).value_or(ring.base);
  ring.running = false;
  ring.has_address = false;  // there may be something else by the time it starts again
  ring.kick.reset();
  ring.call.reset();
  return ring.base;
}

void VhostSession::StopAll() {
  for (uint32_t i = 0; i < rings_.size(); ++i) static_cast<void>(StopRing(i));
  trouble_.clear();
}

void VhostSession::DisableAll() {
  for (uint32_t i = 0; i < rings_.size(); ++i) {
    rings_[i].enabled = false;
    pair(i).SetEnabled(SideOf(i), IsEnabled(rings_[i]));
  }
}

bool VhostSession::IsEnabled(const Ring& ring) const {
  return ring.enabled || !has(virtio::kProtocolFeatures);
}

absl::StatusOr<VringSetup> VhostSession::MakeSetup(const Ring& ring) const {
  const MemoryMap& map = memory_->map();
  VringSetup setup{.size = static_cast<uint16_t>(ring.size), .memory = memory_};
  setup.rings.descriptors =
      RingPart(map, ring.descriptors, Virtqueue::DescriptorBytes(ring.size), 16);
  setup.rings.available = RingPart(map, ring.available, Virtqueue::AvailableBytes(ring.size), 2);
  setup.rings.used = RingPart(map, ring.used, Virtqueue::UsedBytes(ring.size), 4);
  if (setup.rings.descriptors == nullptr || setup.rings.available == nullptr ||
      setup.rings.used == nullptr) {
    return absl::FailedPreconditionError(
        "a ring is outside of the guest's shared memory, or not aligned (QEMU needs -object "
        "memory-backend-memfd,share=on as its memory-backend)");
  }
  setup.features = {.event_index = has(virtio::kEventIdx), .indirect = has(virtio::kIndirectDesc)};
  setup.mergeable = has(virtio::kMrgRxbuf);
  setup.header_size = has(virtio::kVersion1) || setup.mergeable ? 12 : 10;
  setup.takes_offloads = has(virtio::kGuestCsum);
  if (has(virtio::kCsum)) {
    setup.may_send.insert(Offload::kChecksum);
    setup.may_send.insert(Offload::kCrc32c);
    if (has(virtio::kHostTso4)) setup.may_send.insert(Offload::kTcp4);
    if (has(virtio::kHostTso6)) setup.may_send.insert(Offload::kTcp6);
    if (has(virtio::kHostEcn)) setup.may_send.insert(Offload::kTcpEcn);
    if (has(virtio::kHostUso)) {
      setup.may_send.insert(Offload::kUdp4);
      setup.may_send.insert(Offload::kUdp6);
    }
  }
  setup.kick = ring.kick;
  setup.call = ring.call;
  return setup;
}

// Rings may be described in any order.
void VhostSession::StartIfReady(uint32_t index) {
  Ring& ring = rings_[index];
  if (ring.kick == nullptr || ring.size == 0 || !ring.has_address) return;
  auto setup = MakeSetup(ring);
  if (!setup.ok()) {
    trouble_ = std::string(setup.status().message());
    static_cast<void>(pair(index).Stop(SideOf(index)));
    ring.running = false;
    return;
  }
  trouble_.clear();
  pair(index).Start(SideOf(index), *setup);
  pair(index).SetEnabled(SideOf(index), IsEnabled(ring));
  ring.running = true;
}

// With other memory or features.
void VhostSession::RestartAll() {
  for (uint32_t i = 0; i < rings_.size(); ++i) {
    if (rings_[i].running) StartIfReady(i);
  }
}

std::string VhostSession::TakeFaults() {
  std::string faults;
  for (uint32_t i = 0; i < rings_.size(); ++i) {
    const std::string fault = pair(i).TakeFault(SideOf(i));
    if (fault.empty()) continue;
    static_cast<void>(StopRing(i));
    if (rings_[i].error.valid()) pair(i).SignalError(rings_[i].error);
    faults = fmt::format("ring {} is broken: {}", i, fault);
  }
  if (!faults.empty()) {
    trouble_ = faults;
    Publish();
  }
  return faults;
}

void VhostSession::Reset() {
  StopAll();
  features_ = 0;
  protocol_features_ = 0;
  device_status_ = 0;
  mtu_ = offered_mtu_;
  refused_.clear();
  memory_ = std::make_shared<const GuestMemory>();
  rings_ = std::vector<Ring>(rings_.size());
  for (uint32_t i = 0; i < rings_.size(); ++i) pair(i).SetEnabled(SideOf(i), false);
}

void VhostSession::Publish() {
  const VhostLink now = link();
  for (const auto& one : pairs_) one->SetLink(now);
}

}  // namespace tapswitch
