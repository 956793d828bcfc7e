#include "ports/interface/frame_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ports/ring/packet_frame.h"
#include "spdlog/spdlog.h"
#include "switch/forwarding/offload/received_offload.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/tag_edit.h"

namespace tapswitch {
namespace {

// In front of each buffer, for the header of layer-3 packets.
constexpr size_t kHeadroom = 16;
static_assert(kHeadroom >= kEthernetHeaderSize &&
              kReceiveBufferStride >= kHeadroom + kReceiveBufferSize);

// Makes room for `size` bytes behind the virtio-net header, which is moved into what is before it.
std::span<std::byte> MakeRoom(std::span<std::byte> wire, size_t size) {
  std::byte* const start = wire.data() - size;
  std::memmove(start, wire.data(), kVirtioNetHeaderSize);
  const std::span<std::byte> longer(start, wire.size() + size);
  // The checksum that is still to be filled in begins further back now.
  const auto header_bytes = longer.first<kVirtioNetHeaderSize>();
  if (auto header = ParseVirtioNetHeader(header_bytes); header && header->needs_checksum) {
    header->checksum_start = static_cast<uint16_t>(header->checksum_start + size);
    StoreVirtioNetHeader(*header, header_bytes);
  }
  return longer;
}

// Puts the tag of a frame back, into room that is taken from the preamble before it.
std::span<std::byte> InsertTag(const PacketFrame& message, std::span<std::byte> wire) {
  const std::span<std::byte> tagged = MakeRoom(wire, kVlanTagSize);
  EditTag(wire.data() + kVirtioNetHeaderSize, TagEdit::kPush,
          {.protocol = static_cast<EtherType>(message.tag_type), .control = message.tag_value});
  return tagged;
}

// The port that knows the stations fills the addresses in.
std::span<std::byte> InsertEthernetHeader(std::span<std::byte> wire) {
  if (wire.size() <= kVirtioNetHeaderSize) return wire;
  const unsigned version = LoadByte(&wire[kVirtioNetHeaderSize]) >> 4U;
  const std::span<std::byte> framed = MakeRoom(wire, kEthernetHeaderSize);
  std::byte* const header = &framed[kVirtioNetHeaderSize];
  std::fill_n(header, kTypeOffset, std::byte{0});
  StoreBe16(header + kTypeOffset,
            static_cast<uint16_t>(version == 4 ? EtherType::kIpv4 : EtherType::kIpv6));
  return framed;
}

// The virtio-net header and the frame in what was read; nothing when the frame was cut.
std::optional<std::span<std::byte>> Unpack(std::span<std::byte> read, FileKind kind) {
  if (kind == FileKind::kFrames) {
    // The kernel cuts silently, so a full buffer means that something is missing.
    if (read.size() == kReceiveBufferSize) return std::nullopt;
    return read;
  }
  if (read.size() < kPacketPreambleSize) return std::span<std::byte>();
  const PacketFrame message = ParsePacketPreamble(read.first<kPacketPreambleSize>());
  if (message.truncated) return std::nullopt;
  const std::span<std::byte> wire = read.subspan(kPacketPreambleSize);
  const bool has_tag = message.has_tag && wire.size() >= kVirtioNetHeaderSize + kEthernetHeaderSize;
  return has_tag ? InsertTag(message, wire) : wire;
}

// Why a frame was cut that did not fit in the receive buffer. One that is to be segmented is beyond
// 64 KiB (BIG TCP).
DropReason ReasonForCut(std::span<const std::byte> read, FileKind kind) {
  constexpr size_t kGsoType = 1;  // in the virtio-net header
  const size_t header = kind == FileKind::kPacketSocket ? kPacketPreambleSize : 0;
  const bool is_gso = read.size() > header + kGsoType && read[header + kGsoType] != std::byte{0};
  return is_gso ? DropReason::kUnsupportedOffload : DropReason::kTruncated;
}

}  // namespace

FrameReader::FrameReader(const PortIdentity& identity, FileKind kind,
                         std::shared_ptr<std::atomic_flag> told_unsupported, Framing framing)
    : identity_(identity),
      kind_(kind),
      told_unsupported_(std::move(told_unsupported)),
      framing_(framing) {}

absl::Status FrameReader::AllocateBuffers() {
  auto memory = BufferMemory::Allocate(kReceiveBufferCount * kReceiveBufferStride);
  if (!memory.ok()) return memory.status();
  memory_.emplace(*std::move(memory));
  pool_.emplace(memory_->bytes(), kReceiveBufferCount, kReceiveBufferSize, kReceiveBufferStride,
                framing_ == Framing::kLayer3 ? kHeadroom : 0);
  taken_.reserve(kReceiveBufferCount);
  return absl::OkStatus();
}

// ---- The file

absl::Status FrameReader::Register(Ring& ring, int fd) {
  // The ring is given all buffers with the file.
  for (const BufferId buffer : taken_) pool_->StopWithholding(buffer);
  taken_.clear();
  withheld_ = 0;
  const auto slot = ring.AddFile(fd, &*pool_, kind_);
  if (!slot.ok()) return slot.status();
  ring_ = &ring;
  slot_ = *slot;
  return absl::OkStatus();
}

void FrameReader::Unregister() {
  if (slot_) ring_->RemoveFile(*slot_);
  slot_.reset();
}

// ---- The read

Tag FrameReader::ReadTag() const {
  return {.operation = Operation::kRead, .port = identity_.id, .generation = identity_.generation};
}

void FrameReader::Start() {
  state_ = State::kDue;
  StartIfDue();
}

void FrameReader::MakeDueAgain() {
  fault_ = waits_for_link() ? ReadFault::kOnce : ReadFault::kNone;
  state_ = State::kDue;
}

void FrameReader::StartIfDue() {
  if (state_ != State::kDue || pause_wanted_) return;
  state_ = slot_ ? State::kReading : State::kIdle;
  if (slot_) ring_->StartRead(*slot_, ReadTag());
}

bool FrameReader::is_reading() const {
  switch (state_) {
    case State::kReading:
    case State::kStopping:
    case State::kAbandoned:
    case State::kClosing:
      return true;
    case State::kIdle:
    case State::kDue:
    case State::kClosed:
      return false;
  }
  return false;
}

void FrameReader::Stop(State why) {
  // A read that was told to end is not told again.
  if (state_ == State::kReading) ring_->StopRead(*slot_, ReadTag());
  state_ = why;
}

void FrameReader::Abandon() {
  if (state_ == State::kReading || state_ == State::kStopping) Stop(State::kAbandoned);
}

void FrameReader::Pause() {
  pause_wanted_ = true;
  if (state_ == State::kReading) Stop(State::kStopping);
}

void FrameReader::Close() {
  if (!is_reading()) {
    state_ = State::kClosed;
  } else {
    Stop(State::kClosing);
  }
}

// Returns whether the link is doubtful now.
bool FrameReader::OnReadEnded(int32_t result) {
  if (is_closing()) {
    state_ = State::kClosed;
    return false;
  }
  const State ended = std::exchange(state_, State::kDue);
  // After a frame: the completion queue was full. ENOBUFS: all buffers are out, and come back
  // first.
  if (result > 0 || result == -ENOBUFS || ended == State::kAbandoned) return false;
  if (ended == State::kStopping && result == -ECANCELED) return false;
  return OnReadFailed(-result);
}

bool FrameReader::OnReadFailed(int error) {
  // A packet socket has nothing to say when its interface went down, and goes on by itself when it
  // comes up; and a frame whose offload no virtio-net header of this kernel can express (SCTP, UDP
  // before Linux 6.2; net/packet/af_packet.c, packet_rcv_vnet) is lost, not the port.
  const bool is_packet_socket = kind_ == FileKind::kPacketSocket;
  if (is_packet_socket && error == EINVAL) {
    ++frames_taken_;
    identity_.counters->received.Add(0);
    DropReceived(DropReason::kUnsupportedOffload);
    return false;
  }
  if (is_packet_socket && SaysLinkIsDown(error)) return true;
  error_ = error;
  if (fault_ == ReadFault::kNone) {
    fault_ = ReadFault::kOnce;
  } else {
    fault_ = ReadFault::kFailed;
    state_ = State::kIdle;
  }
  return true;
}

// ---- Frames

FrameReader::ReadsTaken FrameReader::TakeReads(std::span<const Completion> completions,
                                               FrameBatch& received) {
  ReadsTaken taken;
  for (const Completion& completion : completions) {
    if (completion.tag.operation == Operation::kWrite) break;
    ++taken.completions;
    // An earlier life of this port id may still be heard of.
    if (completion.tag.generation != identity_.generation) continue;
    if (completion.buffer) {
      TakeFrame(*completion.buffer, static_cast<size_t>(completion.result), received);
    }
    if (!completion.more && OnReadEnded(completion.result)) taken.has_failed = true;
  }
  return taken;
}

void FrameReader::TakeFrame(BufferId buffer, size_t length, FrameBatch& received) {
  ++frames_taken_;
  if (is_closing()) return;
  const std::span<std::byte> read = pool_->TakeOut(buffer, length);
  auto unpacked = Unpack(read, kind_);
  if (unpacked && framing_ == Framing::kLayer3) unpacked = InsertEthernetHeader(*unpacked);
  taken_.push_back(buffer);
  fault_ = ReadFault::kNone;
  PortCounters& counters = *identity_.counters;
  const std::span<std::byte> wire = unpacked.value_or(std::span<std::byte>());
  const size_t size = unpacked ? wire.size() : length;
  counters.received.Add(size - std::min(size, kVirtioNetHeaderSize));
  if (!unpacked) return DropReceived(ReasonForCut(read, kind_));
  if (size < kVirtioNetHeaderSize + kEthernetHeaderSize) return counters.Drop(DropReason::kRunt);

  if (const auto reason = AppendReceived(wire, identity_.id, received)) DropReceived(*reason);
}

void FrameReader::DropReceived(DropReason reason) {
  identity_.counters->Drop(reason);
  if (reason != DropReason::kUnsupportedOffload || told_unsupported_->test_and_set()) return;
  spdlog::warn(
      "port {}: frames are lost (unsupported_offload), as the station leaves them to be cut in a "
      "way that cannot be handed on (UDP before Linux 6.2, SCTP, unknown tunnels, beyond 64 KiB): "
      "at "
      "the station: ethtool -K INTERFACE tx-udp-segmentation off tx-sctp-segmentation off "
      "tx-gso-list off; ip link set INTERFACE gso_max_size 65536 gso_ipv4_max_size 65536",
      identity_.name);
}

void FrameReader::Limit(size_t frames) { limit_ = std::min<size_t>(frames, kReceiveBufferCount); }

void FrameReader::ReturnBuffers() {
  const std::span<const BufferId> buffers(taken_);
  for (const BufferId buffer : buffers.subspan(withheld_)) pool_->BringHome(buffer);
  pages_ = Pages::kInUse;
  for (const BufferId buffer : buffers.first(withheld_)) pool_->StopWithholding(buffer);
  withheld_ = std::min(buffers.size(), kReceiveBufferCount - limit_);
  for (const BufferId buffer : buffers.first(withheld_)) pool_->Withhold(buffer);
  if (!is_closing() && slot_) ring_->ReturnBuffers(*slot_, buffers.subspan(withheld_));
  taken_.resize(withheld_);
}

// The kernel writes into buffers in calls of the ring only.
void FrameReader::ReleaseIdleMemory() {
  if (pages_ == Pages::kIdle) memory_->Release();
  pages_ = pages_ == Pages::kInUse ? Pages::kIdle : Pages::kReleased;
}

}  // namespace tapswitch
