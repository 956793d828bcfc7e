#include "switch/forwarding/egress_builder.h"

#include <algorithm>
#include <cstring>

#include "switch/forwarding/bytes.h"
#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/segmentation.h"

namespace tapswitch {
namespace {

// Enough for kMaxFrames segments with 256 bytes of headers each.
constexpr size_t kHeaderScratch = size_t{1} << 20U;
constexpr size_t kPiecesPerFrame = 2;  // headers, payload

bool IsTagged(std::span<const std::byte> frame) {
  return IsVlanTag(static_cast<EtherType>(LoadBe16(frame.data() + kEthernetHeaderSize - 2)));
}

// The longest frame that will be on the wire once the frame has been segmented, here or later.
size_t WireSize(const Frame& frame) {
  const size_t size = frame.bytes().size();
  if (frame.offload.gso == GsoType::kNone) return size;
  return std::min<size_t>(size, frame.offload.header_length + frame.offload.gso_size);
}

bool IsTooLong(const Frame& frame, uint32_t mtu) {
  const size_t size = WireSize(frame);
  if (size <= mtu + kEthernetHeaderSize) return false;
  return size > mtu + kEthernetHeaderSize + kVlanTagSize || !IsTagged(frame.bytes());
}

}  // namespace

EgressBuilder::EgressBuilder()
    : headers_(std::make_unique_for_overwrite<std::byte[]>(kHeaderScratch)) {
  frames_.reserve(kMaxFrames);
  finished_frames_.reserve(kMaxFrames);
  pieces_.reserve(kMaxFrames * kPiecesPerFrame);
}

void EgressBuilder::Begin(std::span<const Frame> batch) {
  batch_ = batch;
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

EgressBuilder::Result EgressBuilder::Append(EgressFrame copy, const EgressLimits& limits) {
  const Frame& frame = batch_[copy.frame];
  if (IsTooLong(frame, limits.mtu)) return Result::kTooLong;
  if (limits.accepted.covers(frame.needed)) {
    if (frames_.size() == kMaxFrames) return Result::kNoRoom;
    frames_.push_back({.pieces = {&frame.wire, 1}, .size = frame.bytes().size()});
    return Result::kAppended;
  }
  Finished& finished = finished_[copy.frame];
  if (finished.count == 0) {
    const Result result = Finish(frame, finished);
    if (result != Result::kAppended) return result;
  }
  if (frames_.size() + finished.count > kMaxFrames) return Result::kNoRoom;
  const auto run = std::span(finished_frames_).subspan(finished.first, finished.count);
  frames_.insert(frames_.end(), run.begin(), run.end());
  return Result::kAppended;
}

EgressBuilder::Result EgressBuilder::Finish(const Frame& frame, Finished& result) {
  return frame.offload.gso == GsoType::kNone ? FinishChecksum(frame, result)
                                             : FinishSegments(frame, result);
}

EgressBuilder::Result EgressBuilder::FinishChecksum(const Frame& frame, Finished& result) {
  const auto bytes = frame.bytes();
  const size_t field = size_t{frame.offload.checksum_start} + frame.offload.checksum_offset;
  const size_t header_size = field + sizeof(uint16_t);
  // The checksum of an odd protocol may stand anywhere in the frame; 64 KiB always have room in an
  // empty scratch.
  if (!HasRoom(1, kVirtioNetHeaderSize + header_size)) return Result::kNoRoom;
  result = {.first = static_cast<uint16_t>(finished_frames_.size()), .count = 1};
  const auto header = TakeHeader(header_size);
  std::memcpy(header.data() + kVirtioNetHeaderSize, bytes.data(), field);
  StoreBe16(header.data() + kVirtioNetHeaderSize + field, FinishedChecksum(frame.offload, bytes));
  AddFinished(header, bytes.subspan(header_size));
  return Result::kAppended;
}

EgressBuilder::Result EgressBuilder::FinishSegments(const Frame& frame, Finished& result) {
  const auto bytes = frame.bytes();
  const auto plan = PlanSegments(frame.offload, bytes);
  if (!plan) return Result::kUnsegmentable;
  const size_t scratch = plan->count * (kVirtioNetHeaderSize + plan->header_size);
  if (plan->count > kMaxFrames || scratch > kHeaderScratch) return Result::kUnsegmentable;
  if (!HasRoom(plan->count, scratch)) return Result::kNoRoom;
  result = {.first = static_cast<uint16_t>(finished_frames_.size()),
            .count = static_cast<uint16_t>(plan->count)};
  for (size_t i = 0; i < plan->count; ++i) {
    const auto header = TakeHeader(plan->header_size);
    BuildSegmentHeaders(frame.offload, bytes, *plan, i, header.subspan(kVirtioNetHeaderSize));
    AddFinished(header, bytes.subspan(plan->payload_offset(i), plan->payload_length(i)));
  }
  return Result::kAppended;
}

bool EgressBuilder::HasRoom(size_t frames, size_t bytes) const {
  return finished_frames_.size() + frames <= kMaxFrames && headers_used_ + bytes <= kHeaderScratch;
}

// Room for a virtio-net header that says "nothing to do" and `frame_header_size` bytes behind it.
std::span<std::byte> EgressBuilder::TakeHeader(size_t frame_header_size) {
  const std::span header(headers_.get() + headers_used_, kVirtioNetHeaderSize + frame_header_size);
  headers_used_ += header.size();
  StoreVirtioNetHeader({}, header.first<kVirtioNetHeaderSize>());
  return header;
}

void EgressBuilder::AddFinished(std::span<const std::byte> header,
                                std::span<const std::byte> payload) {
  const size_t first = pieces_.size();
  pieces_.push_back({.data = header.data(), .size = header.size()});
  if (!payload.empty()) pieces_.push_back({.data = payload.data(), .size = payload.size()});
  finished_frames_.push_back({.pieces = std::span<const Piece>(pieces_).subspan(first),
                              .size = header.size() - kVirtioNetHeaderSize + payload.size()});
}

}  // namespace tapswitch
