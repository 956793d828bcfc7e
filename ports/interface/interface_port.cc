#include "ports/interface/interface_port.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "spdlog/spdlog.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {
namespace {

std::shared_ptr<std::atomic_flag> OwnIfNull(std::shared_ptr<std::atomic_flag> flag) {
  return flag ? std::move(flag) : std::make_shared<std::atomic_flag>();
}

}  // namespace

InterfacePort::InterfacePort(PortIdentity identity, Medium medium)
    : identity_(std::move(identity)),
      file_(std::move(medium.file)),
      kind_(medium.kind),
      discard_(std::move(medium.discard)),
      new_file_(std::move(medium.new_file)),
      reader_(identity_, kind_, OwnIfNull(std::move(medium.told_unsupported)), medium.framing),
      link_(identity_,
            {.is_foreign = is_foreign(),
             .shared_with_host = medium.shared_with_host,
             .accepted = medium.accepted},
            std::move(medium.link)) {}

InterfacePort::~InterfacePort() { Detach(); }

// ---- Life

absl::Status InterfacePort::Start(Ring& ring) {
  if (absl::Status asked = link_.Start(); !asked.ok()) return asked;
  if (absl::Status allocated = reader_.AllocateBuffers(); !allocated.ok()) return allocated;
  if (absl::Status added = reader_.Register(ring, fd()); !added.ok()) return added;
  link_.UpdateStatus(reader_.health(), LinkFollower::Occasion::kStart);
  ring_ = &ring;
  reader_.Start();
  // The link may have changed since it was asked for, and nobody could tell this port, which was
  // not there yet.
  link_.Refresh();
  return absl::OkStatus();
}

bool InterfacePort::Pause() {
  reader_.Pause();
  return true;
}

void InterfacePort::Resume() {
  reader_.Resume();
  // A read that starts while all buffers are in use fails at once. Where some are, Recycle follows.
  if (!reader_.has_frames_in_use()) ReadIfDue();
}

void InterfacePort::BeginClose() {
  if (reader_.is_closing()) return;
  reader_.Close();
  link_.TakeDownForClosing();
  // What is queued still refers to the file.
  if (ring_ != nullptr && reader_.is_closed()) ring_->Submit();
}

void InterfacePort::Detach() {
  reader_.Unregister();
  ring_ = nullptr;
}

// ---- Receiving

void InterfacePort::OnCompletions(std::span<const Completion> completions, FrameBatch& received) {
  while (!completions.empty()) {
    const FrameReader::ReadsTaken reads = reader_.TakeReads(completions, received);
    if (reads.has_failed) link_.Doubt();
    completions = completions.subspan(reads.completions);
    if (completions.empty()) break;
    OnWriteCompletion(completions.front());
    completions = completions.subspan(1);
  }
  // Once for all of them: a link that goes down fails each frame that was on its way.
  if (link_.TakeDoubt()) ResolveDoubt();
}

void InterfacePort::Recycle() {
  if (reader_.has_buffers_to_return()) reader_.ReturnBuffers();
  static_cast<void>(SwitchFile());
  ReadIfDue();
}

// The file of a deleted device is not read, nor one that is about to be replaced.
void InterfacePort::ReadIfDue() {
  if (!link_.is_deleted() && !link_.awaits_answer() && !next_file_) reader_.StartIfDue();
}

// ---- Sending

Tag InterfacePort::WriteTag() const {
  return {.operation = Operation::kWrite, .port = identity_.id, .generation = identity_.generation};
}

void InterfacePort::Send(std::span<const WireFrame> frames) {
  const PortStatus& status = link_.status();
  const bool is_closing = reader_.is_closing();
  // The bridge forwards by what the first queue knows, of which this thread is told a little later.
  if (!status.link_up && !is_closing && link_.role() == QueueRole::kFollower) LookAgain();
  if (!status.link_up || is_closing) return DropAll(frames, DropReason::kLinkDown);
  const uint32_t mtu = link_.link().mtu;
  if (!is_foreign() || mtu == 0) return SendByRing(frames);
  const size_t always_taken = mtu + kEthernetHeaderSize;
  while (!frames.empty()) {
    const auto too_long = std::find_if(frames.begin(), frames.end(), [&](const auto& frame) {
      return frame.size > always_taken && IsTooLongForSocket(frame, mtu);
    });
    SendByRing({frames.begin(), too_long});
    if (too_long == frames.end()) return;
    ring_->Submit();  // they stay in order
    SendLong(*too_long);
    frames = {too_long + 1, frames.end()};
  }
}

void InterfacePort::SendByRing(std::span<const WireFrame> frames) {
  PortCounters& counters = *identity_.counters;
  bool submitted = false;
  while (!frames.empty()) {
    const size_t taken = ring_->QueueWrites(*reader_.slot(), frames, WriteTag());
    // The queue has just been emptied and still has no room: the kernel takes no work.
    if (taken == 0 && submitted) return DropAll(frames, DropReason::kNoMemory);
    for (const WireFrame& frame : frames.first(taken)) counters.sent.Add(frame.size);
    frames = frames.subspan(taken);
    submitted = !frames.empty();
    if (submitted) ring_->Submit();
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
    if (long_frames_ && !long_frames_->ok()) return EMSGSIZE;
    const int error = long_frames_ ? (*long_frames_)->Send(frame) : EMSGSIZE;
    if (error != EMSGSIZE || is_new) return error;
    long_frames_.reset();
    long_frames_.emplace(LongFrames::Open(fd(), frame.size));
    if (long_frames_->ok()) continue;
    spdlog::warn("port {}: frames of four bytes above the MTU are lost (too_long) here: {}",
                 identity_.name, std::string(long_frames_->status().message()));
  }
}

void InterfacePort::OnWriteCompletion(const Completion& completion) {
  // An earlier life of this port id may still be heard of.
  if (completion.tag.generation != identity_.generation) return;
  OnWritesFailed(-completion.result, completion.lost);
}

void InterfacePort::OnWritesFailed(int error, const LostFrames& lost) {
  const DropReason reason = ReasonForWriteError(error, kind_);
  identity_.counters->sent.Remove(lost.frames, lost.bytes);
  identity_.counters->Drop(reason, lost.frames);
  if (reason == DropReason::kLinkDown && link_.status().link_up) link_.Doubt();
}

void InterfacePort::DropAll(std::span<const WireFrame> frames, DropReason reason) const {
  for (size_t i = 0; i < frames.size(); ++i) identity_.counters->Drop(reason);
}

// ---- The link

void InterfacePort::OnLinkChange(const LinkEvent& link) {
  if (reader_.is_closing()) return;
  if (link_.IsNews(link, reader_.waits_for_link())) LookAgain();
}

void InterfacePort::OnLinkAnswer() {
  if (reader_.is_closing()) return;
  if (!link_.TakeAnswer()) return LookAgain();
  ResolveDoubt();
  Recycle();
}

void InterfacePort::ResolveDoubt() {
  AskForLink();
  if (reader_.is_due()) link_.LogReadRetry(reader_.health());
}

void InterfacePort::LookAgain() {
  const bool was_deleted = link_.is_deleted();
  // A removal may be a move to another namespace, and any event may be out of date by now.
  AskForLink();
  if (reader_.is_reading()) return;
  const bool switched = SwitchFile();
  if (link_.is_deleted()) return;
  const bool returns = was_deleted && is_foreign();
  const bool recovers = link_.link().up && reader_.waits_for_link();
  if (!switched && !returns && !recovers) return;
  reader_.MakeDueAgain();
  // Recycle starts the read of a new file that waits until the frames of the old one are not in
  // use.
  if (!next_file_) reader_.StartIfDue();
  UpdateStatus();
}

void InterfacePort::AskForLink() {
  switch (link_.Ask(reader_.health())) {
    case LinkFinding::kThere:
      TakeNewFile();
      break;
    case LinkFinding::kDeleted:
      break;
    case LinkFinding::kFileUseless:
      DropFile();
      break;
    case LinkFinding::kUnknown:
      starved_ = false;
      break;
    case LinkFinding::kStarved:
      starved_ = true;
      break;
  }
  UpdateStatus();
}

// ---- The file

void InterfacePort::TakeNewFile() {
  if (!new_file_ || reader_.is_closing()) return;
  FileDescriptor file = new_file_();
  if (!file.valid()) return;
  if (next_file_) Discard(*std::move(next_file_));
  next_file_ = std::move(file);
  reader_.Abandon();
}

// What an open file keeps alive, such as a namespace that was deleted, is to go.
void InterfacePort::DropFile() {
  if (next_file_) Discard(*std::move(next_file_));
  next_file_.reset();
  if (!reader_.slot() || ring_ == nullptr || reader_.is_closing()) return;
  next_file_.emplace();
  reader_.Abandon();
}

void InterfacePort::Discard(FileDescriptor file) const {
  if (!file.valid() || !discard_) return;
  discard_(std::make_shared<FileDescriptor>(std::move(file)));
}

// Puts the new file in place of the one in use, if there is one and nothing is in flight or in use;
// or closes the one in use, if that is to go. Returns whether there is a new file to be read.
bool InterfacePort::SwitchFile() {
  if (!next_file_) return false;
  if (reader_.is_reading() || reader_.is_closing() || reader_.has_frames_in_use()) return false;
  RefreshCounters();  // the old file knows what it has lost
  reader_.Unregister();
  ForgetLongFrames();
  Discard(std::exchange(file_, *std::move(next_file_)));
  next_file_.reset();
  OnFileSwitched();
  if (!file_.valid()) {
    UpdateStatus();  // whatever is known of the interface, nothing can be sent
    return false;
  }
  if (absl::Status taken = TakeSlot(); !taken.ok()) {
    spdlog::error("port {}: its new file cannot be used yet: {}", identity_.name,
                  std::string(taken.message()));
  }
  UpdateStatus();
  return reader_.slot().has_value();
}

void InterfacePort::ForgetLongFrames() {
  if (long_frames_ && long_frames_->ok() && discard_) {
    discard_(std::make_shared<LongFrames>(**std::move(long_frames_)));
  }
  long_frames_.reset();
}

absl::Status InterfacePort::TakeSlot() {
  absl::Status taken = reader_.Register(*ring_, fd());
  if (!taken.ok()) starved_ = true;
  return taken;
}

// After a file or a slot of the ring could not be had; no frame can have come meanwhile where there
// is no slot, so all buffers are home then.
void InterfacePort::Retry() {
  if (!std::exchange(starved_, false) || reader_.is_closing()) return;
  link_.Refresh();
  AskForLink();
  if (link_.is_deleted() || reader_.is_reading()) return;
  const bool is_new = SwitchFile() || (!reader_.slot() && TakeSlot().ok());
  if (!is_new) return;
  reader_.Start();
  UpdateStatus();
}

}  // namespace tapswitch
