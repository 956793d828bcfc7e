// A channel between two processes of one machine: messages of bytes and open files, over a pair of
// connected stream sockets (SCM_RIGHTS, unix(7)).

#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

class DescriptorChannel {
 public:
  using Clock = std::chrono::steady_clock;

  struct Message {
    std::string text;
    std::vector<FileDescriptor> files;
  };

  // The most that a message may have; whoever sends more is refused.
  static constexpr size_t kMostBytes = size_t{1} << 29U;
  static constexpr size_t kMostFiles = 32768;

  // Two ends that are connected with each other.
  [[nodiscard]] static absl::StatusOr<std::pair<DescriptorChannel, DescriptorChannel>> MakePair();

  explicit DescriptorChannel(FileDescriptor socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }

  // Sends a message; the files stay the caller's. Unavailable when the other end is closed,
  // DeadlineExceeded when it does not read.
  [[nodiscard]] absl::Status Send(std::string_view text, std::span<const int> files,
                                  Clock::time_point deadline) const;

  // Waits for a message. Unavailable when the other end is closed, DeadlineExceeded when none came,
  // InvalidArgument when it is none.
  [[nodiscard]] absl::StatusOr<Message> Receive(Clock::time_point deadline) const;

  // Waits until the other end is closed; false when it is not in time.
  [[nodiscard]] bool WaitForEnd(Clock::time_point deadline) const;

 private:
  [[nodiscard]] absl::Status Await(short events, Clock::time_point deadline) const;
  // To be called when a call has failed with `error`. OK: it is to be tried again, as the socket
  // is ready.
  [[nodiscard]] absl::Status AwaitAfter(int error, const char* doing, short events,
                                        Clock::time_point deadline) const;
  [[nodiscard]] absl::Status SendBytes(std::span<const std::byte> bytes,
                                       Clock::time_point deadline) const;
  [[nodiscard]] absl::Status SendFiles(std::span<const int> files,
                                       Clock::time_point deadline) const;
  [[nodiscard]] absl::Status ReceiveBytes(std::span<std::byte> bytes,
                                          Clock::time_point deadline) const;
  [[nodiscard]] absl::Status ReceiveFiles(size_t count, std::vector<FileDescriptor>& files,
                                          Clock::time_point deadline) const;

  FileDescriptor socket_;
};

}  // namespace tapswitch
