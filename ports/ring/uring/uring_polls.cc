// The polls of a UringQueue: which files are ready, and polls that are armed again.

#include <poll.h>

#include <algorithm>
#include <utility>

#include "ports/ring/uring/uring_queue.h"
#include "ports/ring/uring/uring_user_data.h"

namespace tapswitch {
namespace {

constexpr uint32_t kPollMask = POLLIN | POLLRDHUP;

}  // namespace

void UringQueue::StartPoll(FileSlot file, Tag tag) {
  File& polled = files_[file.value];
  if (polled.poll_tag) return;
  polled.poll_tag = tag;
  polled.poll_mask = kPollMask;
  polled.was_polled = true;
  ArmPoll(file);
}

void UringQueue::StopPoll(FileSlot file) {
  File& stopped = files_[file.value];
  if (!stopped.poll_tag) return;
  Cancel(PollData(file));
  if (std::exchange(stopped.ready, 0) != 0) LineOf(stopped).Erase(file);
  stopped.is_to_be_armed = false;
  stopped.poll_tag.reset();
}

void UringQueue::ArmPoll(FileSlot file) {
  ++files_[file.value].poll_sequence;
  files_[file.value].is_to_be_armed = false;
  io_uring_sqe& entry = NextEntry();
  io_uring_prep_poll_multishot(&entry, static_cast<int>(file.value), files_[file.value].poll_mask);
  entry.flags = IOSQE_FIXED_FILE;
  entry.user_data = PollData(file);
}

uint64_t UringQueue::PollData(FileSlot file) const {
  return UserData(kPollMark, file, files_[file.value].poll_sequence);
}

absl::Status UringQueue::Watch(int fd, Tag tag) {
  const absl::StatusOr<FileSlot> file = AddAny(fd);
  if (!file.ok()) return file.status();
  StartPoll(*file, tag);
  return absl::OkStatus();
}

std::optional<FileSlot> UringQueue::FindWatch(Tag tag) const {
  const auto file = std::find_if(files_.begin(), files_.end(),
                                 [tag](const File& one) { return one.poll_tag == tag; });
  if (file == files_.end()) return std::nullopt;
  return FileSlot{static_cast<uint32_t>(file - files_.begin())};
}

void UringQueue::Unwatch(Tag tag) {
  if (const auto file = FindWatch(tag)) RemoveFile(*file);
}

void UringQueue::WatchWritability(Tag tag, bool wanted) {
  const auto file = FindWatch(tag);
  const uint32_t mask = kPollMask | (wanted ? POLLOUT : 0U);
  if (!file) return;
  Cancel(PollData(*file));
  files_[file->value].poll_mask = mask;
  ArmPoll(*file);
}

bool UringQueue::Goes(FileSlot file, uint64_t poll_data) const {
  return files_[file.value].poll_tag && PollData(file) == poll_data;
}

void UringQueue::DispatchPoll(const io_uring_cqe& entry) {
  const FileSlot slot = FileOf(entry.user_data);
  if (!Goes(slot, entry.user_data)) return;
  // It ends where its completion found no room.
  if ((entry.flags & IORING_CQE_F_MORE) == 0) ArmLater(slot);
  if (entry.res <= 0) return;
  File& file = files_[slot.value];
  if (file.ready == 0) LineOf(file).Push(slot);
  file.ready |= entry.res;
}

size_t UringQueue::TakeReadiness(Operation operation, std::span<Completion> completions) {
  WaitingLine<FileSlot>& line = ready_[static_cast<size_t>(operation)];
  size_t count = 0;
  for (; count < completions.size() && !line.empty(); line.Pop()) {
    File& file = files_[line.front().value];
    completions[count++] = {
        .tag = *file.poll_tag, .result = std::exchange(file.ready, 0), .more = true};
  }
  return count;
}

bool UringQueue::TakeLoss() {
  const uint32_t lost = IO_URING_READ_ONCE(*ring_.cq.koverflow);
  if (std::exchange(lost_, lost) == lost) return false;
  RenewPolls();
  return true;
}

void UringQueue::RenewPolls() {
  for (uint32_t slot = 0; slot < files_.size(); ++slot) {
    if (!files_[slot].poll_tag) continue;
    Cancel(PollData(FileSlot{slot}));
    ArmLater(FileSlot{slot});
  }
}

void UringQueue::ArmLater(FileSlot file) {
  if (!std::exchange(files_[file.value].is_to_be_armed, true)) ended_polls_.Push(file);
}

// A new poll reports the present state at once. If it ends again at once, it is armed in the next
// turn.
void UringQueue::ArmEndedPolls() {
  for (size_t count = ended_polls_.size(); count > 0; --count) {
    const FileSlot file = ended_polls_.front();
    ended_polls_.Pop();
    if (files_[file.value].is_to_be_armed) ArmPoll(file);
  }
}

}  // namespace tapswitch
