// A Ring for tests. It uses no kernel, makes every fault on demand, and checks the contract of
// ring.h.
//
// A test plays the far side of each file. Arrive() adds a frame that waits to be read, as in the
// queue of a TAP. A turn (SubmitAndWait) moves waiting frames into free buffers of files that are
// being read. It carries out the queued writes, whose bytes are then in written(). The faults:
//
//   SetSubmissionEntries     QueueWrites takes fewer frames than it is given
//   SetCompletionRoom        the completion queue overflows: a read ends with data
//   (no free buffer)         a read ends with -ENOBUFS when a frame waits, or at its start
//   (a long frame)           is cut to the buffer's size, without a word except from packet sockets
//   FailRead, FailWrites     errors of the kernel
//   Interrupt                a signal ends the next wait
//   Complete                 any completion, such as a late one for a port of the past
//
// If the code under test violates the contract, the test fails (ADD_FAILURE) with a message that
// names it.

#pragma once

#include <linux/if_packet.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/ring/ring.h"

namespace tapswitch {

class FakeRing final : public Ring {
 public:
  struct Written {
    FileSlot file;
    std::vector<std::byte> bytes;
    Tag tag;  // the tag of its completion, had it failed
  };
  struct Watched {
    int fd = -1;
    Tag tag;
    bool writability = false;  // writability is reported, too
  };

  // `files` is the number of slots for AddFile.
  explicit FakeRing(size_t files = 64) : files_(files) {}

  // ---- The far side.

  // Adds a frame that waits to be read from the file.
  void Arrive(FileSlot file, std::span<const std::byte> frame);
  // Adds a frame to a packet socket, whose VLAN tag the kernel has taken out.
  void ArriveTagged(FileSlot file, std::span<const std::byte> frame, uint16_t tpid, uint16_t tci);
  // The frames that were written since the last ClearWritten, in order, without failed writes.
  [[nodiscard]] const std::vector<Written>& written() const { return written_; }
  void ClearWritten() { written_.clear(); }

  // ---- Faults.

  void SetSubmissionEntries(size_t entries) { submission_entries_ = entries; }
  // From now on RemoveFile, too, receives waiting frames, in the middle of a turn: a real ring may
  // have to ask the kernel for completions there.
  void ReceiveAtUnwatch() { receives_at_unwatch_ = true; }
  // From now on Reap returns at most this many completions (one or more) at a time. A read that has
  // one more frame ends with it: the frame completes later, with more == false.
  void SetCompletionRoom(size_t completions) { completion_room_ = completions; }
  // The read of `file` ends with -error in the next turn, before any waiting frame. If no read is
  // in progress, this applies to the next one.
  void FailRead(FileSlot file, int error);
  // The next `count` writes to `file` fail with `error`.
  void FailWrites(FileSlot file, int error, size_t count = 1);
  // The next SubmitAndWait is interrupted, whatever work there is.
  void Interrupt() { interrupted_ = true; }
  // Calls `look` where a real ring would wait.
  void WhileItWaits(std::function<void()> look) { while_it_waits_ = std::move(look); }
  // The next turn returns this completion, behind those of reads.
  void Complete(const Completion& completion) { scripted_.push_back(completion); }
  // The next turn reports the watched descriptor readable. The test fails if it is not watched.
  void BecomeReadable(int fd);
  // The next turn reports the descriptor writable, if that is asked for.
  void BecomeWritable(int fd);

  // ---- The actions of the code under test.

  [[nodiscard]] bool has_file(FileSlot file) const { return files_[file.value].added; }
  [[nodiscard]] bool reading(FileSlot file) const { return files_[file.value].reading; }
  // The number of buffers that the kernel may write into.
  [[nodiscard]] size_t free_buffers(FileSlot file) const { return files_[file.value].free.size(); }
  // The number of frames that arrived and were not read.
  [[nodiscard]] size_t waiting(FileSlot file) const { return files_[file.value].arrived.size(); }
  [[nodiscard]] const std::vector<Watched>& watched() const { return watched_; }
  // The timeouts of the calls of SubmitAndWait.
  [[nodiscard]] const std::vector<std::optional<std::chrono::nanoseconds>>& timeouts() const {
    return timeouts_;
  }
  [[nodiscard]] size_t submits() const { return submits_; }  // calls of Submit

  // ---- Ring.

  [[nodiscard]] absl::StatusOr<FileSlot> AddFile(int fd, BufferPool* pool, FileKind kind) override;
  void RemoveFile(FileSlot file) override;
  void StartRead(FileSlot file, Tag tag) override;
  void StopRead(FileSlot file, Tag tag) override;
  void ReturnBuffers(FileSlot file, std::span<const BufferId> buffers) override;
  [[nodiscard]] size_t QueueWrites(FileSlot file, std::span<const WireFrame> frames,
                                   Tag tag) override;
  [[nodiscard]] absl::Status Watch(int fd, Tag tag) override;
  void Unwatch(int fd, Tag tag) override;
  void WatchWritability(int fd, Tag tag, bool wanted) override;
  void Submit() override;
  // Never blocks. Where a real ring would wait, the time is over at once; without a timeout, a
  // signal is simulated.
  WaitResult SubmitAndWait(std::optional<std::chrono::nanoseconds> timeout) override;
  [[nodiscard]] bool Peek() override;
  std::span<const Completion> Reap() override;
  [[nodiscard]] bool is_drained() const override { return completions_.empty(); }
  [[nodiscard]] uint64_t overflows() const override { return overflows_; }
  [[nodiscard]] std::string_view description() const override { return "fake"; }

 private:
  struct Arrived {
    std::vector<std::byte> bytes;
    std::optional<tpacket_auxdata> about{};  // set for a frame of a packet socket
  };
  struct File {
    bool added = false;
    BufferPool* pool = nullptr;
    FileKind kind = FileKind::kFrames;
    std::deque<BufferId> free;
    std::deque<Arrived> arrived;
    bool reading = false;
    bool starting = false;
    bool stopping = false;
    Tag read_tag;
    std::optional<int> read_error;
    int write_error = 0;
    size_t failing_writes = 0;
  };

  // Returns the file; null, and a test failure that names `call`, if it was not added.
  [[nodiscard]] File* Find(FileSlot file, const char* call);
  void CarryOutWrites();
  void FailWrite(Tag tag, int error);
  void Read(File& file);
  [[nodiscard]] Completion ReadOne(File& file);
  void EndRead(File& file, int32_t result);

  std::vector<File> files_;
  std::vector<Written> queued_;
  std::vector<Written> written_;
  std::vector<Watched> watched_;
  std::deque<Completion> completions_;
  std::deque<Completion> scripted_;
  std::vector<Completion> reaped_;
  std::vector<std::optional<std::chrono::nanoseconds>> timeouts_;
  size_t submission_entries_ = SIZE_MAX;
  size_t completion_room_ = SIZE_MAX;
  size_t submits_ = 0;
  uint64_t overflows_ = 0;
  std::function<void()> while_it_waits_ = [] {};
  bool interrupted_ = false;
  bool receives_at_unwatch_ = false;
};

}  // namespace tapswitch
