#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "ports/interface/tap_port.h"
#include "ports/ring/packet_frame.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

// What is answered when the interface is down, or is being or has been deleted: EIO and EBADFD by a
// TAP (drivers/net/tun.c), ENETDOWN and ENXIO by a packet socket (net/packet/af_packet.c).
bool SaysLinkIsDown(int error) {
  return error == EIO || error == EBADFD || error == ENODEV || error == ENETDOWN || error == ENXIO;
}

std::string DescribeReadError(int error) { return error == 0 ? "end of file" : strerror(error); }

// A packet socket that is full says EAGAIN; ENOBUFS is what the queues behind it say (the queueing
// discipline, the backlog of a veth's other end), and rarely a want of memory.
DropReason ReasonFor(int write_error, FileKind kind) {
  if (SaysLinkIsDown(write_error)) return DropReason::kLinkDown;
  if (write_error == EMSGSIZE) return DropReason::kTooLong;
  const bool is_queue = kind == FileKind::kPacketSocket && write_error == ENOBUFS;
  if (is_queue || write_error == EAGAIN) return DropReason::kQueueFull;
  if (write_error == ENOMEM || write_error == ENOBUFS) return DropReason::kNoMemory;
  return DropReason::kWriteFailed;
}

// Puts the tag of a frame back, into room that is taken from the preamble before it.
std::span<std::byte> InsertTag(const PacketFrame& message, std::span<std::byte> wire) {
  constexpr size_t kBeforeTag = kVirtioNetHeaderSize + 2 * kMacAddressSize;
  std::byte* const start = wire.data() - kVlanTagSize;
  std::memmove(start, wire.data(), kBeforeTag);
  StoreBe16(start + kBeforeTag, message.tag_type);
  StoreBe16(start + kBeforeTag + 2, message.tag_value);
  const std::span<std::byte> tagged(start, wire.size() + kVlanTagSize);
  // The checksum that is still to be filled in begins further back now.
  const auto header_bytes = tagged.first<kVirtioNetHeaderSize>();
  if (auto header = ParseVirtioNetHeader(header_bytes); header && header->needs_checksum) {
    header->checksum_start = static_cast<uint16_t>(header->checksum_start + kVlanTagSize);
    StoreVirtioNetHeader(*header, header_bytes);
  }
  return tagged;
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

// Fills in the unfinished work of a frame. A reason when it cannot be taken.
std::optional<DropReason> TakeOffload(std::span<std::byte> wire, Frame& frame) {
  const auto header_bytes = wire.first<kVirtioNetHeaderSize>();
  const auto claimed = ParseVirtioNetHeader(header_bytes);
  if (!claimed) return DropReason::kUnsupportedOffload;
  const auto header = ValidateOffload(*claimed, frame.bytes());
  if (!header) {
    return IsBeyondTheSwitch(*claimed, frame.bytes()) ? DropReason::kUnsupportedOffload
                                                      : DropReason::kBadOffloadHeader;
  }
  frame.offload = *header;
  frame.needed = NeededOffloads(*header, frame.bytes());
  // With the header length that was computed, so that it can leave as it lies here.
  StoreVirtioNetHeader(*header, header_bytes);
  return std::nullopt;
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

InterfacePort::InterfacePort(PortIdentity identity, Medium medium)
    : identity_(std::move(identity)), medium_(std::move(medium)) {
  status_.accepted = medium_.accepted;
  if (!medium_.told_unsupported) medium_.told_unsupported = std::make_shared<std::atomic_flag>();
}

InterfacePort::~InterfacePort() { Detach(); }

void InterfacePort::Detach() {
  if (ring_ != nullptr && slot_) ring_->RemoveFile(*slot_);
  ring_ = nullptr;
}

absl::Status InterfacePort::Start(Ring& ring) {
  auto link = medium_.query();
  if (!link.ok()) return link.status();
  link_ = *std::move(link);

  auto memory = BufferMemory::Allocate(kReceiveBufferCount * kReceiveBufferStride);
  if (!memory.ok()) return memory.status();
  memory_.emplace(*std::move(memory));
  pool_.emplace(memory_->bytes(), kReceiveBufferCount, kReceiveBufferSize, kReceiveBufferStride);
  taken_.reserve(kReceiveBufferCount);
  const auto slot = ring.AddFile(fd(), &*pool_, medium_.kind);
  if (!slot.ok()) return slot.status();
  slot_ = *slot;
  UpdateStatus();
  ring_ = &ring;
  StartReading();
  // The link may have changed since it was asked for, and nobody could tell this port, which was not
  // there yet.
  if (medium_.refresh) medium_.refresh();
  return absl::OkStatus();
}

Tag InterfacePort::MakeTag(Operation operation) const {
  return {.operation = operation, .port = identity_.id, .generation = identity_.generation};
}

void InterfacePort::StartReading() {
  restart_ = false;
  if (!slot_) return;
  reading_ = true;
  ring_->StartRead(*slot_, MakeTag(Operation::kRead));
}

void InterfacePort::OnCompletions(std::span<const Completion> completions, FrameBatch& received) {
  for (const Completion& completion : completions) {
    // An earlier life of this port id may still be heard of.
    if (completion.tag.generation != identity_.generation) continue;
    if (completion.tag.operation == Operation::kWrite) {
      OnWritesFailed(-completion.result, completion.lost);
      continue;
    }
    if (completion.buffer) {
      TakeFrame(*completion.buffer, static_cast<size_t>(completion.result), received);
    }
    if (!completion.more) OnReadEnded(completion.result);
  }
  // Once for all of them: a link that goes down fails each frame that was on its way.
  if (!std::exchange(in_doubt_, false)) return;
  if (!medium_.refresh) return ResolveDoubt();
  awaits_answer_ = true;
  medium_.refresh();
}

void InterfacePort::ResolveDoubt() {
  AskForLink();
  if (restart_ && !deleted_ && read_fault_ == ReadFault::kOnce && speaks()) {
    spdlog::warn("port {}: read: {}; trying again", identity_.name, DescribeReadError(read_error_));
  }
}

void InterfacePort::TakeFrame(BufferId buffer, size_t length, FrameBatch& received) {
  if (closing_) return;
  const std::span<std::byte> read = pool_->TakeOut(buffer, length);
  const auto unpacked = Unpack(read, medium_.kind);
  taken_.push_back(buffer);
  read_fault_ = ReadFault::kNone;
  PortCounters& counters = *identity_.counters;
  const std::span<std::byte> wire = unpacked.value_or(std::span<std::byte>());
  const size_t size = unpacked ? wire.size() : length;
  counters.received.Add(size - std::min(size, kVirtioNetHeaderSize));
  if (!unpacked) return DropReceived(ReasonForCut(read, medium_.kind));
  if (size < kVirtioNetHeaderSize + kEthernetHeaderSize) return counters.Drop(DropReason::kRunt);

  Frame frame{.wire = {wire.data(), wire.size()}, .ingress = identity_.id};
  // Flags and GSO type. Mostly both are zero, and then there is nothing in the header.
  const bool has_offload = (wire[0] | wire[1]) != std::byte{0};
  if (has_offload) {
    if (const auto reason = TakeOffload(wire, frame)) return DropReceived(*reason);
  }
  received.push_back(frame);
}

void InterfacePort::DropReceived(DropReason reason) {
  identity_.counters->Drop(reason);
  if (reason != DropReason::kUnsupportedOffload || medium_.told_unsupported->test_and_set()) return;
  spdlog::warn(
      "port {}: frames are lost (unsupported_offload), as the station leaves them to be cut in a "
      "way "
      "that cannot be handed on (UDP before Linux 6.2, SCTP, unknown tunnels, beyond 64 KiB): at "
      "the station: ethtool -K INTERFACE tx-udp-segmentation off tx-sctp-segmentation off "
      "tx-gso-list off; ip link set INTERFACE gso_max_size 65536 gso_ipv4_max_size 65536",
      identity_.name);
}

void InterfacePort::OnReadEnded(int32_t result) {
  reading_ = false;
  if (closing_) return;
  // After a frame: the completion queue was full. ENOBUFS: all buffers are out, and come back first.
  restart_ = true;
  if (result > 0 || result == -ENOBUFS || next_file_.valid() || drops_file_) return;
  OnReadFailed(-result);
}

void InterfacePort::OnReadFailed(int error) {
  // A packet socket has nothing to say when its interface went down, and goes on by itself when it
  // comes up; and a frame whose offload no virtio-net header of this kernel can express (SCTP, UDP
  // before Linux 6.2; net/packet/af_packet.c, packet_rcv_vnet) is lost, not the port.
  if (is_foreign() && error == EINVAL) {
    identity_.counters->received.Add(0);
    return DropReceived(DropReason::kUnsupportedOffload);
  }
  in_doubt_ = true;
  if (is_foreign() && SaysLinkIsDown(error)) return;
  read_error_ = error;
  if (read_fault_ == ReadFault::kNone) {
    read_fault_ = ReadFault::kOnce;
  } else {
    read_fault_ = ReadFault::kFailed;
    restart_ = false;
  }
}

void InterfacePort::OnWritesFailed(int32_t error, const LostFrames& lost) {
  const DropReason reason = ReasonFor(error, medium_.kind);
  identity_.counters->sent.Remove(lost.frames, lost.bytes);
  identity_.counters->Drop(reason, lost.frames);
  if (reason == DropReason::kLinkDown && status_.link_up) in_doubt_ = true;
}

void InterfacePort::Send(std::span<const WireFrame> frames) {
  // The bridge forwards by what the first queue knows, of which this thread is told a little later.
  if (!status_.link_up && !closing_ && medium_.role == QueueRole::kFollower) LookAgain();
  if (!status_.link_up || closing_) return DropAll(frames, DropReason::kLinkDown);
  if (!is_foreign() || link_.mtu == 0) return SendByRing(frames);
  const size_t always_taken = link_.mtu + kEthernetHeaderSize;
  while (!frames.empty()) {
    const auto too_long = std::find_if(frames.begin(), frames.end(), [&](const auto& frame) {
      return frame.size > always_taken && IsTooLongForSocket(frame, link_.mtu);
    });
    SendByRing({frames.begin(), too_long});
    if (too_long == frames.end()) return;
    ring_->Submit();  // they stay in order
    SendLong(*too_long);
    frames = {too_long + 1, frames.end()};
  }
}

void InterfacePort::SendLong(const WireFrame& frame) {
  identity_.counters->sent.Add(frame.size);
  if (const int error = TrySendLong(frame); error != 0) {
    OnWritesFailed(error, {.frames = 1, .bytes = frame.size});
  }
}

int InterfacePort::TrySendLong(const WireFrame& frame) {
  // Once more with more room, when the MTU has been raised since.
  for (bool is_new = false;; is_new = true) {
    const int error = long_frames_ ? long_frames_->Send(frame) : EMSGSIZE;
    if (error != EMSGSIZE || is_new) return error;
    long_frames_.reset();
    if (cannot_send_long_) return EMSGSIZE;
    auto opened = LongFrames::Open(fd(), frame.size);
    if (opened.ok()) {
      long_frames_.emplace(*std::move(opened));
      continue;
    }
    cannot_send_long_ = true;
    spdlog::warn("port {}: frames of four bytes above the MTU are lost (too_long) here: {}",
                 identity_.name, std::string(opened.status().message()));
    return EMSGSIZE;
  }
}

void InterfacePort::SendByRing(std::span<const WireFrame> frames) {
  PortCounters& counters = *identity_.counters;
  bool submitted = false;
  while (!frames.empty()) {
    const size_t taken = ring_->QueueWrites(*slot_, frames, MakeTag(Operation::kWrite));
    // The queue has just been emptied and still has no room: the kernel takes no work.
    if (taken == 0 && submitted) return DropAll(frames, DropReason::kNoMemory);
    for (const WireFrame& frame : frames.first(taken)) counters.sent.Add(frame.size);
    frames = frames.subspan(taken);
    submitted = !frames.empty();
    if (submitted) ring_->Submit();
  }
}

void InterfacePort::DropAll(std::span<const WireFrame> frames, DropReason reason) const {
  for (size_t i = 0; i < frames.size(); ++i) identity_.counters->Drop(reason);
}

void InterfacePort::Recycle() {
  if (taken_.size() > withheld_ || withheld_ > kReceiveBufferCount - limit_) ReturnBuffers();
  SwitchFile();
  if (restart_ && !closing_ && !deleted_ && !awaits_answer_) StartReading();
}

void InterfacePort::ReturnBuffers() {
  const std::span<const BufferId> buffers(taken_);
  for (const BufferId buffer : buffers.subspan(withheld_)) pool_->BringHome(buffer);
  used_since_rest_ = true;
  for (const BufferId buffer : buffers.first(withheld_)) pool_->StopWithholding(buffer);
  withheld_ = std::min(buffers.size(), kReceiveBufferCount - limit_);
  for (const BufferId buffer : buffers.first(withheld_)) pool_->Withhold(buffer);
  if (!closing_ && slot_) ring_->ReturnBuffers(*slot_, buffers.subspan(withheld_));
  taken_.resize(withheld_);
}

void InterfacePort::LimitReceiving(size_t frames) {
  limit_ = std::min<size_t>(frames, kReceiveBufferCount);
}

// All buffers are home, and the kernel writes into them in calls of the ring only.
void InterfacePort::Rest() {
  if (std::exchange(used_since_rest_, false)) {
    used_before_ = true;
  } else if (std::exchange(used_before_, false)) {
    memory_->Release();
  }
}

void InterfacePort::OnLinkChange(const LinkEvent& link) {
  if (closing_ || link.netns != link_.netns) return;
  const bool returns = deleted_ && is_foreign() && !link.removed && link.name == identity_.name;
  const bool is_ours = !deleted_ && link.ifindex == link_.ifindex;
  if (!is_ours && !returns) return;
  const bool waits_for_link = read_fault_ == ReadFault::kFailed;
  if (link == link_ && !waits_for_link && !returns) return;
  LookAgain();
}

void InterfacePort::OnLinkAnswer() {
  if (closing_) return;
  if (!std::exchange(awaits_answer_, false)) return LookAgain();
  ResolveDoubt();
  Recycle();
}

void InterfacePort::LookAgain() {
  const bool waits_for_link = read_fault_ == ReadFault::kFailed;
  const bool was_deleted = deleted_;
  // A removal may be a move to another namespace, and any event may be out of date by now.
  AskForLink();
  if (reading_) return;
  const bool switched = SwitchFile();
  if (deleted_) return;
  const bool returns = was_deleted && is_foreign();
  if (!switched && !returns && (!link_.up || !waits_for_link)) return;
  // No frame came since reading failed, so all buffers are home.
  read_fault_ = waits_for_link ? ReadFault::kOnce : ReadFault::kNone;
  StartReading();
  UpdateStatus();
}

void InterfacePort::AskForLink() {
  auto link = medium_.query();
  if (link.ok()) {
    if (speaks() && link_known_ && !deleted_ && link->name != link_.name) {
      spdlog::info("port {}: its interface is now called {}", identity_.name, link->name);
    }
    link_known_ = true;
    deleted_ = false;
    link_ = *std::move(link);
    TakeNewFile();
  } else if (absl::IsNotFound(link.status())) {
    deleted_ = true;
    deletion_.clear();
  } else if (absl::IsAborted(link.status())) {
    deleted_ = true;
    deletion_ = std::string(link.status().message());
    DropFile();
  } else {
    starved_ = absl::IsResourceExhausted(link.status());
    // Such as a namespace that the switch may not look into. Frames may pass all the same, and a
    // port that waited for an event would wait for ever.
    if (link_known_ && medium_.role == QueueRole::kFirst) {
      spdlog::warn("port {}: the state of its interface is unknown from here on: {}",
                   identity_.name, std::string(link.status().message()));
    }
    link_known_ = false;
    link_ = {.netns = {}, .up = true, .mtu = status_.mtu, .address = link_.address};
  }
  UpdateStatus();
}

void InterfacePort::TakeNewFile() {
  if (!medium_.new_file || closing_) return;
  FileDescriptor file = medium_.new_file();
  if (!file.valid()) return;
  Discard(next_file_);
  next_file_ = std::move(file);
  if (reading_ && !drops_file_) ring_->StopRead(*slot_, MakeTag(Operation::kRead));
}

// What an open file keeps alive, such as a namespace that was deleted, is to go.
void InterfacePort::DropFile() {
  Discard(next_file_);
  if (!slot_ || ring_ == nullptr || closing_ || std::exchange(drops_file_, true)) return;
  if (reading_) ring_->StopRead(*slot_, MakeTag(Operation::kRead));
}

void InterfacePort::Discard(FileDescriptor& file) {
  if (!file.valid()) return;
  FileDescriptor discarded = std::exchange(file, {});
  if (medium_.discard) medium_.discard(std::make_shared<FileDescriptor>(std::move(discarded)));
}

// Puts the new file in place of the one in use, if there is one and nothing is in flight or in use; or
// closes the one in use, if that is to go.
bool InterfacePort::SwitchFile() {
  if (!next_file_.valid() && !drops_file_) return false;
  if (reading_ || closing_ || taken_.size() > withheld_) return false;
  RefreshCounters();  // the old file knows what it has lost
  if (slot_) ring_->RemoveFile(*slot_);
  slot_.reset();
  if (long_frames_ && medium_.discard) {
    medium_.discard(std::make_shared<LongFrames>(*std::move(long_frames_)));
  }
  long_frames_.reset();
  cannot_send_long_ = false;
  Discard(medium_.file);
  medium_.file = std::exchange(next_file_, {});
  drops_file_ = false;
  if (!medium_.file.valid()) return false;
  if (absl::Status taken = TakeSlot(); !taken.ok()) {
    spdlog::error("port {}: its new file cannot be used yet: {}", identity_.name,
                  std::string(taken.message()));
  }
  UpdateStatus();
  return slot_.has_value();
}

absl::Status InterfacePort::TakeSlot() {
  // The ring is given all buffers with the file.
  for (const BufferId buffer : taken_) pool_->StopWithholding(buffer);
  taken_.clear();
  withheld_ = 0;
  const auto slot = ring_->AddFile(fd(), &*pool_, medium_.kind);
  if (!slot.ok()) {
    starved_ = true;
    return slot.status();
  }
  slot_ = *slot;
  return absl::OkStatus();
}

// After a file or a slot of the ring could not be had; no frame can have come meanwhile where there
// is no slot, so all buffers are home then.
void InterfacePort::Retry() {
  if (!std::exchange(starved_, false) || closing_) return;
  if (medium_.refresh) medium_.refresh();
  AskForLink();
  if (deleted_ || reading_) return;
  const bool is_new = SwitchFile() || (!slot_ && TakeSlot().ok());
  if (!is_new) return;
  StartReading();
  UpdateStatus();
}

void InterfacePort::UpdateStatus() {
  std::string reason = WhyDown();
  status_.mtu = link_.mtu;
  status_.ifindex = deleted_ ? 0 : link_.ifindex;
  status_.netns = link_.netns;
  if (is_foreign()) status_.address = link_.address;
  status_.is_guests = is_foreign() && link_.is_tap && !medium_.shared_with_host;
  const bool link_up = reason.empty();
  if (link_up == status_.link_up && reason == status_.reason) return;
  LogLink(link_up, reason);
  status_.link_up = link_up;
  status_.reason = std::move(reason);
}

// Empty when it is not.
std::string InterfacePort::WhyDown() const {
  if (deleted_ && !deletion_.empty()) return deletion_;
  if (deleted_ && is_foreign()) return "interface was deleted; it is used again when it returns";
  if (deleted_) return "device was deleted; add it again";
  if (!slot_) return "the ring has no room for its file; it is tried again";
  if (!link_.up) return "interface is down";
  if (is_foreign() && !link_.carrier) return "interface has no carrier";
  if (read_fault_ != ReadFault::kFailed) return "";
  return fmt::format("reading fails ({}); set the interface down and up",
                     DescribeReadError(read_error_));
}

// Whether what happens now is for this queue to tell. A follower tells of its own reading only: what
// the link does, which it may notice first, is told by the first queue.
bool InterfacePort::speaks() const {
  return medium_.role == QueueRole::kFirst ||
         (read_fault_ != ReadFault::kNone && !deleted_ && link_.up && !SaysLinkIsDown(read_error_));
}

// How it is at the start is what was asked for, and no news.
void InterfacePort::LogLink(bool link_up, std::string_view reason) const {
  if (!speaks()) return;
  const bool starting = ring_ == nullptr;
  if (link_up) {
    spdlog::log(starting ? spdlog::level::debug : spdlog::level::info, "port {}: up",
                identity_.name);
  } else {
    spdlog::log(starting ? spdlog::level::info : spdlog::level::warn, "port {}: {}", identity_.name,
                reason);
  }
}

void InterfacePort::BeginClose() {
  if (closing_) return;
  closing_ = true;
  status_.link_up = false;
  status_.reason = "closing";
  if (ring_ == nullptr) return;
  if (reading_) {
    ring_->StopRead(*slot_, MakeTag(Operation::kRead));
  } else {
    ring_->Submit();  // what is queued still refers to the file
  }
}

}  // namespace tapswitch
