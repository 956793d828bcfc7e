#include "ports/layer3/tun_port.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "ports/interface/tap/tap_port.h"
#include "spdlog/fmt/fmt.h"
#include "switch/forwarding/offload/received_offload.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

// No operation of the device itself has this slot.
constexpr uint32_t kWakeSlot = 0xFFFFFF;

// No message of neighbour discovery that hosts send is longer.
constexpr size_t kLongestWhole = 1600;

constexpr size_t kHeaders = kVirtioNetHeaderSize + kEthernetHeaderSize;

// Copies the first bytes of a frame, without its virtio-net header. Returns how many.
size_t Gather(const WireFrame& frame, std::span<std::byte> to) {
  size_t size = 0;
  size_t skip = kVirtioNetHeaderSize;
  for (const Piece& piece : frame.pieces) {
    const size_t skipped = std::min(skip, piece.size);
    skip -= skipped;
    const size_t part = std::min(piece.size - skipped, to.size() - size);
    if (part > 0) std::memcpy(to.data() + size, piece.data + skipped, part);
    size += part;
  }
  return size;
}

// Returns how many bytes of IP a frame carries, without padding. Frames that are still to be cut
// have none.
size_t PacketSize(std::span<const std::byte> start, size_t frame_size) {
  const size_t size = frame_size - kEthernetHeaderSize;
  const std::byte* const ip = start.data() + kEthernetHeaderSize;
  const bool is_v4 = LoadByte(ip) >> 4U == 4;
  const size_t header = is_v4 ? ipv4::kMinHeaderSize : ipv6::kHeaderSize;
  if (start.size() < kEthernetHeaderSize + header) return size;
  const size_t said = is_v4 ? LoadBe16(ip + ipv4::kTotalLength)
                            : ipv6::kHeaderSize + LoadBe16(ip + ipv6::kPayloadLength);
  return said < header ? size : std::min(said, size);
}

}  // namespace

TunPort::TunPort(std::unique_ptr<Port> device, StationConfig station, WakeEvent wake,
                 std::string addresses)
    : device_(std::move(device)),
      station_(std::move(station)),
      wake_(std::move(wake)),
      addresses_(std::move(addresses)) {
  outgoing_.reserve(kMostOutgoing);
  to_device_.reserve(kMostOutgoing);
  RefreshCounters();
}

Tag TunPort::WakeTag() const {
  return {.operation = Operation::kPoll,
          .port = identity().id,
          .generation = identity().generation,
          .slot = kWakeSlot};
}

// ---- Life

absl::Status TunPort::Start(Ring& ring) {
  if (absl::Status watched = ring.Watch(wake_.fd(), WakeTag()); !watched.ok()) return watched;
  if (absl::Status started = device_->Start(ring); !started.ok()) {
    ring.Unwatch(wake_.fd(), WakeTag());
    return started;
  }
  ring_ = &ring;
  is_watched_ = true;
  Follow();
  return absl::OkStatus();
}

void TunPort::BeginClose() {
  is_closing_ = true;
  if (std::exchange(is_watched_, false)) ring_->Unwatch(wake_.fd(), WakeTag());
  station_.Reset();
  CountGivenUp();
  device_->BeginClose();
  Follow();
}

void TunPort::Detach() {
  device_->Detach();
  ring_ = nullptr;
}

void TunPort::Retry() {
  if (device_->wants_retry()) device_->Retry();
  station_.OnTick(clock_.Now());
  CountGivenUp();
  Follow();
}

void TunPort::Resume() {
  device_->Resume();
  AnnounceFrames();
}

void TunPort::OnLinkChange(const LinkEvent& link) {
  device_->OnLinkChange(link);
  Follow();
}

void TunPort::OnLinkAnswer() {
  device_->OnLinkAnswer();
  Follow();
}

// Takes over what the device says of itself. Its address is not one of the bridge: it has none that
// a frame could be to.
void TunPort::Follow() {
  const bool was_up = status_.link_up;
  status_ = device_->status();
  status_.address = {};
  status_.station = {};
  status_.is_guests = false;
  if (status_.link_up == was_up || is_closing_) return;
  if (status_.link_up) {
    station_.Announce();
    AnnounceFrames();
  } else {
    station_.Reset();
    CountGivenUp();
  }
}

// ---- From the device

void TunPort::OnCompletions(std::span<const Completion> completions, FrameBatch& received) {
  const auto is_wake = [](const Completion& one) { return one.tag.operation == Operation::kPoll; };
  while (!completions.empty()) {
    const auto end = std::find_if(completions.begin(), completions.end(), is_wake);
    const auto length = static_cast<size_t>(end - completions.begin());
    if (length > 0) {
      device_->OnCompletions(completions.first(length), *packets_);
      TakePackets(received);
    } else {
      wake_.Clear();
    }
    completions = completions.subspan(std::max<size_t>(length, 1));
  }
  Follow();
  AnnounceFrames();
}

void TunPort::TakePackets(FrameBatch& received) {
  PortCounters& counters = *identity().counters;
  const Tick now = clock_.Now();
  for (const Frame& packet : packets_->frames()) {
    const std::span wire(const_cast<std::byte*>(packet.wire.data), packet.wire.size);
    switch (station_.OnPacket(wire, now)) {
      case Layer3Station::Outgoing::kSend:
        received.push_back(packet);
        break;
      case Layer3Station::Outgoing::kHeld:
        // It is received once it is known what becomes of it.
        counters.received.Remove(packet.bytes().size());
        break;
      case Layer3Station::Outgoing::kNoRoute:
        counters.Drop(DropReason::kNoRoute);
        break;
      case Layer3Station::Outgoing::kNoNeighbour:
        counters.Drop(DropReason::kNoNeighbour);
        break;
    }
  }
  packets_->clear();
  // The cache may have given up somebody to make room.
  CountGivenUp();
}

void TunPort::CountGivenUp() {
  const Layer3Station::GivenUp lost = station_.TakeGivenUp();
  PortCounters& counters = *identity().counters;
  counters.received.frames += lost.packets;
  counters.received.bytes += lost.bytes;
  counters.Drop(DropReason::kNoNeighbour, lost.packets);
}

// While it has paused nobody takes them: it would be woken for them over and over.
void TunPort::AnnounceFrames() {
  if (station_.has_frames() && !is_closing_ && !device_->paused()) wake_.Signal();
}

// The frames that the last call has added were sent since.
bool TunPort::Receive(FrameBatch& received) {
  own_.clear();
  if (is_closing_ || device_->paused()) return false;
  while (station_.has_frames() && !received.full()) {
    std::vector<std::byte>& wire = own_.emplace_back(station_.TakeFrame());
    PortCounters& counters = *identity().counters;
    counters.received.Add(wire.size() - kVirtioNetHeaderSize);
    if (const auto reason = AppendReceived(wire, identity().id, received)) counters.Drop(*reason);
  }
  return station_.has_frames();
}

void TunPort::Recycle() {
  device_->Recycle();
  Follow();
}

// ---- To the device

Layer3Station::Incoming TunPort::Look(const WireFrame& frame) {
  std::array<std::byte, kLongestWhole> bytes;  // NOLINT(*-member-init): filled in as far as needed
  size_t size = Gather(frame, std::span(bytes).first(Layer3Station::kEnoughBytes));
  if (Layer3Station::NeedsWhole(std::span(bytes).first(size))) size = Gather(frame, bytes);
  return station_.OnFrame(std::span(bytes).first(size), clock_.Now());
}

void TunPort::Send(std::span<const WireFrame> frames) {
  if (!status_.link_up || is_closing_) return device_->Send(frames);
  PortCounters& counters = *identity().counters;
  for (const WireFrame& frame : frames) {
    switch (Look(frame)) {
      case Layer3Station::Incoming::kDeliver:
        if (outgoing_.size() == kMostOutgoing) SendToDevice(to_device_);
        to_device_.push_back(Strip(frame));
        break;
      case Layer3Station::Incoming::kTaken:
        counters.sent.Add(frame.size);
        break;
      case Layer3Station::Incoming::kOtherStation:
        counters.Drop(DropReason::kOtherStation);
        break;
      case Layer3Station::Incoming::kNotIp:
        counters.Drop(DropReason::kNotIp);
        break;
    }
  }
  device_->Send(to_device_);
  to_device_.clear();
  AnnounceFrames();
}

// All packets are with the kernel then, so their pieces may be used again.
void TunPort::SendToDevice(std::vector<WireFrame>& packets) {
  device_->Send(packets);
  packets.clear();
  if (ring_ != nullptr) ring_->Submit();
  outgoing_.clear();
}

// The packet behind a header of its own; the rest stays where it is.
WireFrame TunPort::Strip(const WireFrame& frame) {
  Outgoing& packet = outgoing_.emplace_back();
  std::array<std::byte, Layer3Station::kEnoughBytes> start{};
  const size_t known = Gather(frame, start);
  const auto header_bytes = std::span(packet.header);
  std::memcpy(packet.header.data(), frame.pieces.front().data, kVirtioNetHeaderSize);
  auto header = ParseVirtioNetHeader(header_bytes);
  const bool is_plain = (packet.header[0] | packet.header[1]) == std::byte{0};
  if (!is_plain && header) {
    const auto shorten = [](uint16_t& place) {
      place = static_cast<uint16_t>(place - std::min<size_t>(place, kEthernetHeaderSize));
    };
    shorten(header->checksum_start);
    shorten(header->header_length);
    StoreVirtioNetHeader(*header, header_bytes);
  }
  size_t left = is_plain ? PacketSize(std::span(start).first(known), frame.size)
                         : frame.size - kEthernetHeaderSize;
  size_t count = 0;
  packet.pieces[count++] = {.data = packet.header.data(), .size = kVirtioNetHeaderSize};
  size_t skip = kHeaders;
  for (const Piece& piece : frame.pieces) {
    const size_t skipped = std::min(skip, piece.size);
    skip -= skipped;
    const size_t part = std::min(piece.size - skipped, left);
    left -= part;
    if (part > 0 && count < packet.pieces.size()) {
      packet.pieces[count++] = {.data = piece.data + skipped, .size = part};
    }
  }
  return {.pieces = std::span(packet.pieces).first(count), .size = frame.size};
}

// ---- What users are told

void TunPort::RefreshCounters() {
  if (ring_ != nullptr) device_->RefreshCounters();
  const StationConfig& config = station_.config();
  details_->Set({{"mac", config.mac.ToString()},
                 {"addresses", addresses_},
                 {"neighbours", fmt::format("{}", station_.neighbours())}});
}

// ---- Opening

absl::StatusOr<std::unique_ptr<Port>> OpenTunPort(const PortIdentity& identity,
                                                  const TunOptions& options,
                                                  const TunSurroundings& around) {
  auto wake = WakeEvent::Create();
  if (!wake.ok()) return wake.status();
  StationConfig station = options.station;
  if (station.mac.is_zero()) station.mac = DeriveStationMac(around.bridge, options.name);
  const std::span<const PortIdentity> identities(&identity, 1);
  auto device = options.attaches
                    ? OpenNetdevPort(identities, options.netdev, around.monitor, around.share_link,
                                     around.notes, MissingInterface::kAwaited, nullptr, nullptr,
                                     nullptr, around.inherited)
                    : OpenTapPort(identities, options.tun, around.monitor, around.share_link,
                                  nullptr, around.inherited);
  if (!device.ok()) return device.status();
  return std::make_unique<TunPort>(std::move(device->front()), std::move(station), *std::move(wake),
                                   options.addresses);
}

}  // namespace tapswitch
