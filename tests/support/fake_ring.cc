#include "tests/support/fake_ring.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ports/ring/completion_batch.h"
#include "ports/ring/packet_frame.h"

namespace tapswitch {
namespace {

// Stores as the kernel would, unseen by AddressSanitizer: a buffer that the kernel may write into
// is poisoned for everybody else. Volatile, or the compiler makes a call of memcpy of it, which
// checks.
[[gnu::no_sanitize_address]] void StoreAsKernel(std::byte* to, std::span<const std::byte> bytes) {
  volatile std::byte* at = to;
  for (const std::byte byte : bytes) *at++ = byte;
}

// Returns the preamble of a frame as io_uring lays it out (packet_frame.h).
std::vector<std::byte> Preamble(const tpacket_auxdata& about, uint32_t payload, uint32_t flags) {
  constexpr size_t kControl = kPacketPreambleSize - kPacketControlSize;
  std::vector<std::byte> preamble(kPacketPreambleSize);
  StorePacketPreamble(preamble.data(), kPacketControlSize, payload, flags);
  const cmsghdr control{
      .cmsg_len = CMSG_LEN(sizeof(about)), .cmsg_level = SOL_PACKET, .cmsg_type = PACKET_AUXDATA};
  std::memcpy(preamble.data() + kControl, &control, sizeof(control));
  std::memcpy(preamble.data() + kControl + CMSG_LEN(0), &about, sizeof(about));
  return preamble;
}

std::vector<std::byte> Gather(std::span<const Piece> pieces) {
  std::vector<std::byte> bytes;
  for (const Piece& piece : pieces) bytes.insert(bytes.end(), piece.data, piece.data + piece.size);
  return bytes;
}

}  // namespace

FakeRing::File* FakeRing::Find(FileSlot file, const char* call) {
  if (file.value < files_.size() && files_[file.value].added) return &files_[file.value];
  ADD_FAILURE() << call << " of file " << file.value << ", which is not in the ring";
  return nullptr;
}

void FakeRing::Arrive(FileSlot file, std::span<const std::byte> frame) {
  if (File* found = Find(file, "Arrive")) {
    found->arrived.push_back({.bytes = {frame.begin(), frame.end()}});
  }
}

void FakeRing::ArriveTagged(FileSlot file, std::span<const std::byte> frame, uint16_t tpid,
                            uint16_t tci) {
  File* const found = Find(file, "ArriveTagged");
  if (found == nullptr) return;
  EXPECT_EQ(found->kind, FileKind::kPacketSocket);
  tpacket_auxdata about{};
  about.tp_status = TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID;
  about.tp_vlan_tpid = tpid;
  about.tp_vlan_tci = tci;
  found->arrived.push_back({.bytes = {frame.begin(), frame.end()}, .about = about});
}

void FakeRing::FailRead(FileSlot file, int error) {
  if (File* found = Find(file, "FailRead")) found->read_error = error;
}

void FakeRing::FailWrites(FileSlot file, int error, size_t count) {
  File* found = Find(file, "FailWrites");
  if (found == nullptr) return;
  found->write_error = error;
  found->failing_writes = count;
}

void FakeRing::BecomeReadable(int fd) {
  const auto watch = std::find_if(watched_.begin(), watched_.end(),
                                  [fd](const Watched& one) { return one.fd == fd; });
  if (watch == watched_.end()) {
    ADD_FAILURE() << "nobody watches file descriptor " << fd;
    return;
  }
  Complete({.tag = watch->tag, .result = POLLIN, .more = true});
}

void FakeRing::BecomeWritable(int fd) {
  for (const Watched& watch : watched_) {
    if (watch.fd != fd || !watch.writability) continue;
    Complete({.tag = watch.tag, .result = POLLOUT, .more = true});
  }
}

absl::StatusOr<FileSlot> FakeRing::AddFile(int /*fd*/, BufferPool* pool, FileKind kind) {
  const auto unused =
      std::find_if(files_.begin(), files_.end(), [](const File& file) { return !file.added; });
  if (unused == files_.end())
    return absl::ResourceExhaustedError("all files of the ring are in use");
  unused->added = true;
  unused->pool = pool;
  unused->kind = kind;
  if (pool != nullptr) {
    EXPECT_EQ(pool->out(), 0U) << "AddFile while buffers of the pool are out";
    for (BufferId id = 0; id < pool->count(); ++id) unused->free.push_back(id);
  }
  return FileSlot{static_cast<uint32_t>(unused - files_.begin())};
}

void FakeRing::RemoveFile(FileSlot file) {
  File* found = Find(file, "RemoveFile");
  if (found == nullptr) return;
  EXPECT_FALSE(found->reading) << "RemoveFile of file " << file.value << " while it is being read";
  CarryOutWrites();
  *found = {};
}

void FakeRing::StartRead(FileSlot file, Tag tag) {
  File* found = Find(file, "StartRead");
  if (found == nullptr) return;
  EXPECT_EQ(tag.operation, Operation::kRead);
  EXPECT_NE(found->pool, nullptr) << "StartRead of file " << file.value << ", which has no pool";
  EXPECT_FALSE(found->reading) << "StartRead of file " << file.value << " while it is being read";
  found->reading = true;
  found->starting = true;
  found->stopping = false;
  found->read_tag = tag;
}

void FakeRing::StopRead(FileSlot file, Tag tag) {
  File* found = Find(file, "StopRead");
  if (found == nullptr || !found->reading) return;  // its last completion is on the way
  EXPECT_EQ(tag, found->read_tag) << "StopRead with another tag than StartRead had";
  found->stopping = true;
}

void FakeRing::ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) {
  File* found = Find(file, "ReturnBuffers");
  if (found == nullptr || found->pool == nullptr) return;
  for (const BufferId id : buffers) {
    const bool is_free = std::find(found->free.begin(), found->free.end(), id) != found->free.end();
    EXPECT_FALSE(is_free) << "ReturnBuffers of buffer " << id << ", which the kernel has";
    EXPECT_LT(id, found->pool->count());
    if (!is_free) found->free.push_back(id);
  }
  EXPECT_LE(found->free.size() + found->pool->out(), found->pool->count())
      << "ReturnBuffers of a buffer that is out: BringHome comes first";
}

size_t FakeRing::QueueWrites(FileSlot file, std::span<const WireFrame> frames, Tag tag) {
  if (Find(file, "QueueWrites") == nullptr) return frames.size();
  EXPECT_EQ(tag.operation, Operation::kWrite);
  const size_t room = submission_entries_ - std::min(submission_entries_, queued_.size());
  const size_t taken = std::min(frames.size(), room);
  for (const WireFrame& frame : frames.first(taken)) {
    queued_.push_back({.file = file, .bytes = Gather(frame.pieces), .tag = WriteTag(tag, frame)});
  }
  return taken;
}

absl::Status FakeRing::Watch(int fd, Tag tag) {
  EXPECT_TRUE(tag.operation == Operation::kReadiness || tag.operation == Operation::kPoll);
  watched_.push_back({.fd = fd, .tag = tag});
  return absl::OkStatus();
}

void FakeRing::Unwatch(int fd, Tag tag) {
  const size_t removed =
      std::erase_if(watched_, [&](const Watched& one) { return one.fd == fd && one.tag == tag; });
  EXPECT_EQ(removed, 1U) << "Unwatch of file descriptor " << fd << ", which is not watched";
  std::erase_if(scripted_, [tag](const Completion& one) { return one.tag == tag; });
  if (!receives_at_unwatch_) return;
  CarryOutWrites();
  for (File& file : files_) Read(file);
}

void FakeRing::WatchWritability(int fd, Tag tag, bool wanted) {
  const auto watch = std::find_if(watched_.begin(), watched_.end(), [&](const Watched& one) {
    return one.fd == fd && one.tag == tag;
  });
  if (watch == watched_.end()) {
    ADD_FAILURE() << "WatchWritability of file descriptor " << fd << ", which is not watched";
    return;
  }
  watch->writability = wanted;
}

void FakeRing::Submit() {
  ++submits_;
  CarryOutWrites();
}

void FakeRing::CarryOutWrites() {
  for (Written& write : queued_) {
    File& file = files_[write.file.value];
    if (file.failing_writes == 0) {
      written_.push_back(std::move(write));
      continue;
    }
    --file.failing_writes;
    FailWrite(write.tag, file.write_error);
  }
  queued_.clear();
}

void FakeRing::FailWrite(Tag tag, int error) {
  const uint64_t bytes = std::exchange(tag.slot, 0U);
  auto told = std::find_if(completions_.begin(), completions_.end(), [&](const Completion& one) {
    return one.tag == tag && one.result == -error;
  });
  if (told == completions_.end()) {
    if (completions_.size() >= completion_room_) ++overflows_;
    told = completions_.insert(told, {.tag = tag, .result = -error});
  }
  ++told->lost.frames;
  told->lost.bytes += bytes;
}

WaitResult FakeRing::SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) {
  timeouts_.push_back(timeout);
  CarryOutWrites();
  if (std::exchange(interrupted_, false)) return WaitResult::kInterrupted;
  for (File& file : files_) Read(file);
  completions_.insert(completions_.end(), scripted_.begin(), scripted_.end());
  scripted_.clear();
  if (!completions_.empty()) return WaitResult::kCompletions;
  while_it_waits_();
  return timeout ? WaitResult::kTimeout : WaitResult::kInterrupted;
}

void FakeRing::Read(File& file) {
  while (file.reading) {
    if (file.stopping) return EndRead(file, -ECANCELED);
    if (file.read_error) return EndRead(file, -*std::exchange(file.read_error, std::nullopt));
    // As io_uring does, which takes a buffer to try with when a read starts.
    const bool tries = std::exchange(file.starting, false) || !file.arrived.empty();
    if (tries && file.free.empty()) return EndRead(file, -ENOBUFS);
    if (file.arrived.empty()) return;
    completions_.push_back(ReadOne(file));
  }
}

Completion FakeRing::ReadOne(File& file) {
  const BufferId buffer = file.free.front();
  const Arrived& arrived = file.arrived.front();
  const size_t offset = file.kind == FileKind::kPacketSocket ? kPacketPreambleSize : 0;
  const size_t length = std::min(arrived.bytes.size(), file.pool->buffer_size() - offset);
  std::byte* const start = file.pool->address(buffer);
  if (offset > 0) {
    const uint32_t flags = length < arrived.bytes.size() ? MSG_TRUNC : 0;
    StoreAsKernel(start, Preamble(arrived.about.value_or(tpacket_auxdata{}),
                                  static_cast<uint32_t>(length), flags));
  }
  StoreAsKernel(start + offset, std::span(arrived.bytes).first(length));
  file.free.pop_front();
  file.arrived.pop_front();
  if (completions_.size() >= completion_room_) {
    file.reading = false;
    ++overflows_;
  }
  return {.tag = file.read_tag,
          .result = static_cast<int32_t>(offset + length),
          .more = file.reading,
          .buffer = buffer};
}

void FakeRing::EndRead(File& file, int32_t result) {
  file.reading = false;
  completions_.push_back({.tag = file.read_tag, .result = result});
}

bool FakeRing::Peek() {
  return !completions_.empty() || !scripted_.empty() ||
         std::any_of(files_.begin(), files_.end(),
                     [](const File& file) { return file.reading && !file.arrived.empty(); });
}

std::span<const Completion> FakeRing::Reap() {
  const size_t count = std::min({completions_.size(), kMaxReap, completion_room_});
  const auto end = completions_.begin() + static_cast<ptrdiff_t>(count);
  reaped_.assign(completions_.begin(), end);
  completions_.erase(completions_.begin(), end);
  return reaped_;
}

}  // namespace tapswitch
