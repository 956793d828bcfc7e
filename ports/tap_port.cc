#include "ports/tap_port.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "ports/tap_device.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/forwarding/ethernet.h"
#include "switch/forwarding/offload/validation.h"

namespace tapswitch {
namespace {

// What the driver answers when the interface is down (EIO), or is being or has been deleted
// (drivers/net/tun.c).
bool SaysLinkIsDown(int error) {
  return error == EIO || error == EBADFD || error == ENODEV || error == ENETDOWN;
}

DropReason ReasonFor(int write_error) {
  if (SaysLinkIsDown(write_error)) return DropReason::kLinkDown;
  if (write_error == ENOMEM || write_error == ENOBUFS) return DropReason::kNoMemory;
  return DropReason::kWriteFailed;
}

// Fills in the unfinished work of a frame. False when its header contradicts it.
bool TakeOffload(std::span<std::byte> wire, Frame& frame) {
  const auto header_bytes = wire.first<kVirtioNetHeaderSize>();
  const auto claimed = ParseVirtioNetHeader(header_bytes);
  const auto header = claimed ? ValidateOffload(*claimed, frame.bytes()) : std::nullopt;
  if (!header) return false;
  frame.offload = *header;
  frame.needed = NeededOffloads(*header, frame.bytes());
  // With the header length that was computed, so that it can leave as it lies here.
  StoreVirtioNetHeader(*header, header_bytes);
  return true;
}

absl::StatusOr<LinkEvent> QueryLink(int fd, LinkMonitor& monitor) {
  // Between the questions it may be moved or renamed; hardly ever more than once.
  constexpr int kAttempts = 3;
  for (int i = 0; i < kAttempts; ++i) {
    const auto location = LocateTap(fd);
    if (!location.ok()) return location.status();
    const auto netns = monitor.Watch(location->netns.fd());
    if (!netns.ok()) return netns.status();
    auto link = monitor.Find(*netns, location->name);
    if (link.ok()) return link;
  }
  return absl::UnavailableError("it is not where the kernel says it is");
}

}  // namespace

TapPort::TapPort(PortIdentity identity, FileDescriptor file, OffloadSet accepted, LinkQuery query)
    : identity_(std::move(identity)), file_(std::move(file)), query_(std::move(query)) {
  status_.accepted = accepted;
}

TapPort::~TapPort() { Detach(); }

void TapPort::Detach() {
  if (ring_ != nullptr) ring_->RemoveFile(slot_);
  ring_ = nullptr;
}

absl::Status TapPort::Start(Ring& ring) {
  auto link = query_();
  if (!link.ok()) return link.status();
  link_ = *std::move(link);

  auto memory = BufferMemory::Allocate(kTapBufferCount * kTapBufferStride);
  if (!memory.ok()) return memory.status();
  memory_.emplace(*std::move(memory));
  pool_.emplace(memory_->bytes(), kTapBufferCount, kTapBufferSize, kTapBufferStride);
  taken_.reserve(kTapBufferCount);
  const auto slot = ring.AddFile(file_.get(), &*pool_);
  if (!slot.ok()) return slot.status();
  slot_ = *slot;
  UpdateStatus();
  ring_ = &ring;
  StartReading();
  return absl::OkStatus();
}

Tag TapPort::MakeTag(Operation operation) const {
  return {.operation = operation, .port = identity_.id, .generation = identity_.generation};
}

void TapPort::StartReading() {
  restart_ = false;
  reading_ = true;
  ring_->StartRead(slot_, MakeTag(Operation::kRead));
}

void TapPort::OnCompletions(std::span<const Completion> completions, FrameBatch& received) {
  for (const Completion& completion : completions) {
    // An earlier life of this port id may still be heard of.
    if (completion.tag.generation != identity_.generation) continue;
    if (completion.tag.operation == Operation::kWrite) {
      OnWriteFailed(-completion.result, completion.tag.slot);
      continue;
    }
    if (completion.buffer) {
      TakeFrame(*completion.buffer, static_cast<size_t>(completion.result), received);
    }
    if (!completion.more) OnReadEnded(completion.result);
  }
  // Once for all of them: a link that goes down fails each frame that was on its way.
  if (!std::exchange(in_doubt_, false)) return;
  AskForLink();
  if (restart_ && !deleted_ && read_fault_ == ReadFault::kOnce) {
    spdlog::warn("port {}: read: {}; trying again", identity_.name, read_error_);
  }
}

void TapPort::TakeFrame(BufferId buffer, size_t length, FrameBatch& received) {
  if (closing_) return;
  const std::span<std::byte> wire = pool_->TakeOut(buffer, length);
  taken_.push_back(buffer);
  read_fault_ = ReadFault::kNone;
  PortCounters& counters = *identity_.counters;
  counters.received.Add(length - std::min(length, kVirtioNetHeaderSize));
  // The kernel cuts silently, so a full buffer means that something is missing.
  if (length == kTapBufferSize) return counters.Drop(DropReason::kTruncated);
  if (length < kVirtioNetHeaderSize + kEthernetHeaderSize) return counters.Drop(DropReason::kRunt);

  Frame frame{.wire = {wire.data(), wire.size()}, .ingress = identity_.id};
  // Flags and GSO type. Mostly both are zero, and then there is nothing in the header.
  const bool has_offload = (wire[0] | wire[1]) != std::byte{0};
  if (has_offload && !TakeOffload(wire, frame)) return counters.Drop(DropReason::kBadOffloadHeader);
  received.push_back(frame);
}

void TapPort::OnReadEnded(int32_t result) {
  reading_ = false;
  if (closing_) return;
  // After a frame: the completion queue was full. ENOBUFS: all buffers are out, and come back first.
  restart_ = true;
  if (result > 0 || result == -ENOBUFS) return;

  read_error_ = result == 0 ? "end of file" : strerror(-result);
  in_doubt_ = true;
  if (read_fault_ == ReadFault::kNone) {
    read_fault_ = ReadFault::kOnce;
  } else {
    read_fault_ = ReadFault::kFailed;
    restart_ = false;
  }
}

void TapPort::OnWriteFailed(int32_t error, size_t size) {
  const DropReason reason = ReasonFor(error);
  identity_.counters->sent.Remove(size);
  identity_.counters->Drop(reason);
  if (reason == DropReason::kLinkDown && status_.link_up) in_doubt_ = true;
}

void TapPort::Send(std::span<const WireFrame> frames) {
  if (!status_.link_up || closing_) return DropAll(frames, DropReason::kLinkDown);
  PortCounters& counters = *identity_.counters;
  bool submitted = false;
  while (!frames.empty()) {
    const size_t taken = ring_->QueueWrites(slot_, frames, MakeTag(Operation::kWrite));
    // The queue has just been emptied and still has no room: the kernel takes no work.
    if (taken == 0 && submitted) return DropAll(frames, DropReason::kNoMemory);
    for (const WireFrame& frame : frames.first(taken)) counters.sent.Add(frame.size);
    frames = frames.subspan(taken);
    submitted = !frames.empty();
    if (submitted) ring_->Submit();
  }
}

void TapPort::DropAll(std::span<const WireFrame> frames, DropReason reason) const {
  for (size_t i = 0; i < frames.size(); ++i) identity_.counters->Drop(reason);
}

void TapPort::Recycle() {
  if (!taken_.empty()) {
    for (const BufferId buffer : taken_) pool_->BringHome(buffer);
    if (!closing_) ring_->ReturnBuffers(slot_, taken_);
    taken_.clear();
  }
  if (restart_ && !closing_ && !deleted_) StartReading();
}

void TapPort::OnLinkChange(const LinkEvent& link) {
  if (closing_ || deleted_ || link.netns != link_.netns || link.ifindex != link_.ifindex) return;
  const bool waits_for_link = read_fault_ == ReadFault::kFailed;
  if (link == link_ && !waits_for_link) return;
  // A removal may be a move to another namespace, and any event may be out of date by now.
  AskForLink();
  if (deleted_ || !link_.up || !waits_for_link) return;
  // No frame came since reading failed, so all buffers are home.
  read_fault_ = ReadFault::kOnce;
  StartReading();
  UpdateStatus();
}

void TapPort::AskForLink() {
  auto link = query_();
  if (link.ok()) {
    if (link_known_ && link->name != link_.name) {
      spdlog::info("port {}: its interface is now called {}", identity_.name, link->name);
    }
    link_known_ = true;
    link_ = *std::move(link);
  } else if (absl::IsNotFound(link.status())) {
    deleted_ = true;
  } else {
    // Such as a namespace that the switch may not look into. Frames may pass all the same, and a
    // port that waited for an event would wait for ever.
    if (link_known_) {
      spdlog::warn("port {}: the state of its interface is unknown from here on: {}",
                   identity_.name, std::string(link.status().message()));
    }
    link_known_ = false;
    link_ = {.netns = {}, .up = true, .mtu = status_.mtu};
  }
  UpdateStatus();
}

void TapPort::UpdateStatus() {
  std::string reason;
  if (deleted_) {
    reason = "device was deleted; add it again";
  } else if (!link_.up) {
    reason = "interface is down";
  } else if (read_fault_ == ReadFault::kFailed) {
    reason = fmt::format("reading fails ({}); set the interface down and up", read_error_);
  }
  status_.mtu = link_.mtu;
  status_.ifindex = deleted_ ? 0 : link_.ifindex;
  const bool link_up = reason.empty();
  if (link_up == status_.link_up && reason == status_.reason) return;
  LogLink(link_up, reason);
  status_.link_up = link_up;
  status_.reason = std::move(reason);
}

// How it is at the start is what was asked for, and no news.
void TapPort::LogLink(bool link_up, std::string_view reason) const {
  const bool starting = ring_ == nullptr;
  if (link_up) {
    spdlog::log(starting ? spdlog::level::debug : spdlog::level::info, "port {}: up",
                identity_.name);
  } else {
    spdlog::log(starting ? spdlog::level::info : spdlog::level::warn, "port {}: {}", identity_.name,
                reason);
  }
}

void TapPort::BeginClose() {
  if (closing_) return;
  closing_ = true;
  status_.link_up = false;
  status_.reason = "closing";
  if (ring_ == nullptr) return;
  if (reading_) {
    ring_->StopRead(slot_, MakeTag(Operation::kRead));
  } else {
    ring_->Submit();  // what is queued still refers to the file
  }
}

absl::StatusOr<std::unique_ptr<TapPort>> OpenTapPort(const PortIdentity& identity,
                                                     const TapOptions& options,
                                                     LinkMonitor& monitor) {
  auto device = OpenTap(options);
  if (!device.ok()) return device.status();
  auto query = [fd = device->file.get(), &monitor] { return QueryLink(fd, monitor); };
  return std::make_unique<TapPort>(identity, std::move(device->file), device->offloads,
                                   std::move(query));
}

}  // namespace tapswitch
