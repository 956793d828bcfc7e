#include "switch/forwarding/egress/egress_builder.h"

#include <algorithm>
#include <cstring>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

// Enough for kMaxFrames segments with 256 bytes of headers each.
constexpr size_t kHeaderScratch = size_t{1} << 20U;
constexpr size_t kPiecesPerFrame = 2;  // headers, payload

// Room in front of a header for a tag.
constexpr size_t kHeadroom = kVlanTagSize;

// What an edit touches: the addresses and a tag.
constexpr size_t kEditedHeaderSize = 2 * kMacAddressSize + kVlanTagSize;

// Frames up to this size are copied whole when their tag is edited or they are joined: one piece
// costs the kernel less than the copy costs here, as was measured for edits of tags.
constexpr size_t kCopiedWhole = 256;

// The longest frame that will be on the wire once the frame has been segmented, here or later.
size_t WireSize(const Frame& frame) {
  const size_t size = frame.bytes().size();
  if (frame.offload.gso == GsoType::kNone) return size;
  return std::min<size_t>(size, frame.offload.header_length + frame.offload.gso_size);
}

bool IsTooLong(const Frame& frame, uint32_t mtu) {
  const size_t size = WireSize(frame);
  if (size <= LongestFrame(mtu, false)) return false;
  const std::byte* const type = frame.bytes().data() + kTypeOffset;
  return size > LongestFrame(mtu, IsVlanTag(static_cast<EtherType>(LoadBe16(type))));
}

// The same work, on a frame whose headers have grown.
VirtioNetHeader Grown(VirtioNetHeader offload, int growth) {
  const auto grow = [growth](uint16_t& field) {
    if (field != 0) field = static_cast<uint16_t>(field + growth);
  };
  grow(offload.header_length);
  if (offload.needs_checksum) grow(offload.checksum_start);
  return offload;
}

}  // namespace

EgressBuilder::EgressBuilder()
    : headers_(std::make_unique_for_overwrite<std::byte[]>(kHeaderScratch)) {
  frames_.reserve(kMaxFrames);
  finished_frames_.reserve(kMaxFrames);
  pieces_.reserve(kMaxFrames * kPiecesPerFrame);
}

void EgressBuilder::Begin(std::span<const Frame> batch, std::span<const MacAddress> receivers) {
  batch_ = batch;
  receivers_ = receivers;
  frames_.clear();
  ClearScratch();
}

void EgressBuilder::ClearScratch() {
  if (finished_frames_.empty()) return;
  finished_.fill({});
  finished_frames_.clear();
  pieces_.clear();
  headers_used_ = 0;
}

EgressBuilder::Appended EgressBuilder::Append(std::span<const EgressFrame> copies,
                                              const EgressLimits& limits) {
  const size_t count = limits.join ? Join(copies, limits) : 1;
  if (count == 1) return {Append(copies.front(), limits), 1};
  return {AddJoined(copies.first(count)), count};
}

// How many copies from the front go into one frame, which is then in coalescer_.
size_t EgressBuilder::Join(std::span<const EgressFrame> copies, const EgressLimits& limits) {
  EgressFrame copy = copies.front();
  const Frame& first = batch_[copy.frame];
  const auto next_may_join = [&](size_t count) {
    if (count == copies.size()) return false;
    copy.frame = copies[count].frame;
    return copy == copies[count] && MayContinue(first.bytes(), batch_[copy.frame].bytes());
  };
  if (!next_may_join(1) || !coalescer_.Start(first.offload, first.bytes())) return 1;
  if (!limits.accepted.covers(coalescer_.needed()) || IsTooLong(first, limits.mtu)) return 1;
  size_t count = 1;
  while (next_may_join(count)) {
    const Frame& next = batch_[copy.frame];
    if (!coalescer_.Join(next.offload, next.bytes())) break;
    ++count;
  }
  return count;
}

EgressBuilder::Result EgressBuilder::AddJoined(std::span<const EgressFrame> copies) {
  const size_t header_size = coalescer_.header_size();
  const bool copied = coalescer_.payload_size() <= copies.size() * kCopiedWhole;
  const size_t size = header_size + (copied ? coalescer_.payload_size() : 0);
  const bool has_room =
      frames_.size() < kMaxFrames &&
      HasRoom(1, copied ? 1 : 1 + copies.size(), kVirtioNetHeaderSize + kHeadroom + size);
  if (!has_room) return Result::kNoRoom;
  const auto header = TakeHeader(size);
  coalescer_.BuildHeaders(header.first(header_size));
  const size_t first = pieces_.size();
  pieces_.push_back(FinishHeader(header, copies.front(), coalescer_.offload()));
  std::byte* end = header.data() + header_size;
  for (const EgressFrame copy : copies) {
    const auto payload = batch_[copy.frame].bytes().subspan(header_size);
    if (copied) {
      end = std::copy(payload.begin(), payload.end(), end);
    } else {
      pieces_.push_back({.data = payload.data(), .size = payload.size()});
    }
  }
  AddFrame(first);
  frames_.push_back(finished_frames_.back());
  return Result::kAppended;
}

EgressBuilder::Result EgressBuilder::Append(EgressFrame copy, const EgressLimits& limits) {
  const Frame& frame = batch_[copy.frame];
  if (IsTooLong(frame, limits.mtu)) return Result::kTooLong;
  const Work work = WorkFor(frame, limits);
  if (work == Work::kNone && copy.edit == TagEdit::kKeep && copy.receiver == 0) {
    if (frames_.size() == kMaxFrames) return Result::kNoRoom;
    WireFrame& as_it_came = frames_.emplace_back();
    as_it_came.pieces = {&frame.wire, 1};
    as_it_came.size = frame.bytes().size();
    return Result::kAppended;
  }
  Finished own;  // a copy to a receiver of its own is made for nobody else
  Finished& finished = copy.receiver == 0 ? finished_[copy.frame][FormOf(copy.edit, work)] : own;
  if (finished.count == 0) {
    const Result result = Make(frame, copy, work, finished);
    if (result != Result::kAppended) return result;
  }
  if (frames_.size() + finished.count > kMaxFrames) return Result::kNoRoom;
  const auto run = std::span(finished_frames_).subspan(finished.first, finished.count);
  frames_.insert(frames_.end(), run.begin(), run.end());
  return Result::kAppended;
}

EgressBuilder::Work EgressBuilder::WorkFor(const Frame& frame, const EgressLimits& limits) {
  if (limits.accepted.covers(frame.needed)) return Work::kNone;
  if (!frame.offload.tunnelled) return Work::kFinish;
  const auto needed = OffloadsOfRuns(frame.offload, frame.bytes());
  return needed && limits.accepted.covers(*needed) ? Work::kFinishToRuns : Work::kFinish;
}

size_t EgressBuilder::FormOf(TagEdit edit, Work work) {
  constexpr size_t kEdits = 3;
  size_t kind = 0;
  if (edit != TagEdit::kKeep) kind = edit == TagEdit::kPop ? 1 : 2;
  return static_cast<size_t>(work) * kEdits + kind;
}

EgressBuilder::Result EgressBuilder::Make(const Frame& frame, EgressFrame copy, Work work,
                                          Finished& result) {
  if (work == Work::kNone) return EditOnly(frame, copy, result);
  return frame.offload.gso == GsoType::kNone ? FinishChecksum(frame, copy, result)
                                             : FinishSegments(frame, copy, work, result);
}

EgressBuilder::Result EgressBuilder::EditOnly(const Frame& frame, EgressFrame copy,
                                              Finished& result) {
  const auto bytes = frame.bytes();
  const size_t copied = bytes.size() <= kCopiedWhole ? bytes.size() : kEditedHeaderSize;
  if (!HasRoom(1, kPiecesPerFrame, kVirtioNetHeaderSize + kHeadroom + copied))
    return Result::kNoRoom;
  result = {.first = static_cast<uint16_t>(finished_frames_.size()), .count = 1};
  const auto header = TakeHeader(copied);
  std::memcpy(header.data(), bytes.data(), copied);
  AddFrame(header, copy, frame.offload, bytes.subspan(copied));
  return Result::kAppended;
}

EgressBuilder::Result EgressBuilder::FinishChecksum(const Frame& frame, EgressFrame copy,
                                                    Finished& result) {
  const auto bytes = frame.bytes();
  const size_t field = size_t{frame.offload.checksum_start} + frame.offload.checksum_offset;
  const size_t header_size = field + (frame.offload.crc32c ? sizeof(uint32_t) : sizeof(uint16_t));
  // The checksum of an odd protocol may stand anywhere in the frame; 64 KiB always have room in an
  // empty scratch.
  if (!HasRoom(1, kPiecesPerFrame, kVirtioNetHeaderSize + kHeadroom + header_size))
    return Result::kNoRoom;
  result = {.first = static_cast<uint16_t>(finished_frames_.size()), .count = 1};
  const auto header = TakeHeader(header_size);
  std::memcpy(header.data(), bytes.data(), field);
  if (frame.offload.crc32c) {
    std::ranges::copy(FinishedCrc32c(frame.offload, bytes), header.subspan(field).begin());
  } else {
    StoreBe16(header.data() + field, FinishedChecksum(frame.offload, bytes));
  }
  AddFrame(header, copy, {}, bytes.subspan(header_size));
  return Result::kAppended;
}

EgressBuilder::Result EgressBuilder::FinishSegments(const Frame& frame, EgressFrame copy, Work work,
                                                    Finished& result) {
  const auto plan = PlanSegments(frame.offload, frame.bytes());
  if (!plan) return Result::kUnsegmentable;
  const size_t scratch = plan->count * (kVirtioNetHeaderSize + kHeadroom + plan->header_size);
  if (plan->count > kMaxFrames || scratch > kHeaderScratch) return Result::kUnsegmentable;
  if (!HasRoom(plan->count, plan->count * kPiecesPerFrame, scratch)) return Result::kNoRoom;
  const size_t first = finished_frames_.size();
  const auto runs = work == Work::kFinishToRuns ? PlanRuns(*plan, frame.bytes()) : std::nullopt;
  if (runs) {
    AddRuns(frame, copy, *plan, *runs);
  } else {
    AddSegments(frame, copy, *plan);
  }
  result = {.first = static_cast<uint16_t>(first),
            .count = static_cast<uint16_t>(finished_frames_.size() - first)};
  return Result::kAppended;
}

void EgressBuilder::AddSegments(const Frame& frame, EgressFrame copy, const SegmentPlan& plan) {
  const auto bytes = frame.bytes();
  for (size_t i = 0; i < plan.count; ++i) {
    const auto header = TakeHeader(plan.header_size);
    BuildSegmentHeaders(frame.offload, bytes, plan, i, header);
    AddFrame(header, copy, {}, bytes.subspan(plan.payload_offset(i), plan.payload_length(i)));
  }
}

void EgressBuilder::AddRuns(const Frame& frame, EgressFrame copy, const SegmentPlan& plan,
                            const TunnelRuns& runs) {
  for (size_t i = 0; i < plan.count; i += runs.segments) {
    AddRun(frame, copy, plan, runs, i, std::min(runs.segments, plan.count - i));
  }
}

void EgressBuilder::AddRun(const Frame& frame, EgressFrame copy, const SegmentPlan& plan,
                           const TunnelRuns& runs, size_t first, size_t count) {
  const auto bytes = frame.bytes();
  const size_t first_piece = pieces_.size();
  std::span<std::byte> head;
  size_t run_size = 0;
  for (size_t i = first; i < first + count; ++i) {
    const auto header = TakeHeader(plan.header_size);
    BuildSegmentHeaders(frame.offload, bytes, plan, i, header);
    const auto inner = header.subspan(runs.outer_size);
    const auto payload = bytes.subspan(plan.payload_offset(i), plan.payload_length(i));
    if (i == first) head = header;
    pieces_.push_back({.data = inner.data(), .size = inner.size()});
    pieces_.push_back({.data = payload.data(), .size = payload.size()});
    run_size += inner.size() + payload.size();
  }
  if (count > 1) BuildRunHeaders(runs, plan, run_size, head);
  pieces_[first_piece] = FinishHeader(head, copy, count > 1 ? runs.offload : VirtioNetHeader{});
  AddFrame(first_piece);
}

bool EgressBuilder::HasRoom(size_t frames, size_t pieces, size_t bytes) const {
  return finished_frames_.size() + frames <= kMaxFrames &&
         pieces_.size() + pieces <= kMaxFrames * kPiecesPerFrame &&
         headers_used_ + bytes <= kHeaderScratch;
}

// Room for the first `size` bytes of a frame, with room in front for a virtio-net header and a tag.
std::span<std::byte> EgressBuilder::TakeHeader(size_t size) {
  constexpr size_t kInFront = kVirtioNetHeaderSize + kHeadroom;
  const std::span header(headers_.get() + headers_used_ + kInFront, size);
  headers_used_ += kInFront + size;
  return header;
}

// `header`: from TakeHeader, and filled at least as far as the frame's own headers go.
Piece EgressBuilder::FinishHeader(std::span<std::byte> header, EgressFrame copy,
                                  const VirtioNetHeader& offload) const {
  std::byte* const frame = EditTag(header.data(), copy.edit, copy.tag);
  if (copy.receiver != 0) StoreBe48(frame, receivers_[copy.receiver - 1U].number());
  std::byte* const wire = frame - kVirtioNetHeaderSize;
  StoreVirtioNetHeader(Grown(offload, GrowthBy(copy.edit)),
                       std::span<std::byte, kVirtioNetHeaderSize>(wire, kVirtioNetHeaderSize));
  return {.data = wire, .size = static_cast<size_t>(header.data() + header.size() - wire)};
}

void EgressBuilder::AddFrame(std::span<std::byte> header, EgressFrame copy,
                             const VirtioNetHeader& offload, std::span<const std::byte> payload) {
  const size_t first = pieces_.size();
  pieces_.push_back(FinishHeader(header, copy, offload));
  if (!payload.empty()) pieces_.push_back({.data = payload.data(), .size = payload.size()});
  AddFrame(first);
}

// Of the pieces from `first_piece` on.
void EgressBuilder::AddFrame(size_t first_piece) {
  WireFrame frame{.pieces = std::span<const Piece>(pieces_).subspan(first_piece)};
  for (const Piece& piece : frame.pieces) frame.size += piece.size;
  frame.size -= kVirtioNetHeaderSize;
  finished_frames_.push_back(frame);
}

}  // namespace tapswitch
