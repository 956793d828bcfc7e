#include "ports/os/unix/descriptor_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// Files that go with one byte; the kernel takes 253 (SCM_MAX_FD).
constexpr size_t kFilesAtOnce = 200;

// The header of a message, in front of its files and its bytes.
struct Header {
  uint64_t magic = 0x7461707368616e64;
  uint64_t bytes = 0;
  uint64_t files = 0;
};

constexpr size_t kControlSize = CMSG_SPACE(kFilesAtOnce * sizeof(int));

absl::Status Closed() { return absl::UnavailableError("the other process has ended"); }

int MillisecondsUntil(DescriptorChannel::Clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - DescriptorChannel::Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

// Takes the files of one message of the kernel; all are owned before anything is judged.
void TakeFiles(msghdr& message, std::vector<FileDescriptor>& files) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
      files.emplace_back(fd);
    }
  }
}

}  // namespace

absl::StatusOr<std::pair<DescriptorChannel, DescriptorChannel>> DescriptorChannel::MakePair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  return std::pair{DescriptorChannel(FileDescriptor(ends[0])),
                   DescriptorChannel(FileDescriptor(ends[1]))};
}

absl::Status DescriptorChannel::Await(short events, Clock::time_point deadline) const {
  for (;;) {
    pollfd ready{.fd = socket_.get(), .events = events, .revents = 0};
    const int result = poll(&ready, 1, MillisecondsUntil(deadline));
    if (result > 0) return absl::OkStatus();
    if (result < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "poll");
    if (result == 0) return absl::DeadlineExceededError("the other process does not answer");
  }
}

absl::Status DescriptorChannel::AwaitAfter(int error, const char* doing, short events,
                                           Clock::time_point deadline) const {
  if (error == EPIPE || error == ECONNRESET) return Closed();
  if (error == EAGAIN || error == EINTR) return Await(events, deadline);
  return absl::ErrnoToStatus(error, doing);
}

absl::Status DescriptorChannel::SendBytes(std::span<const std::byte> bytes,
                                          Clock::time_point deadline) const {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(sent));
      continue;
    }
    absl::Status room = AwaitAfter(errno, "sending to the other process", POLLOUT, deadline);
    if (!room.ok()) return room;
  }
  return absl::OkStatus();
}

absl::Status DescriptorChannel::SendFiles(std::span<const int> files,
                                          Clock::time_point deadline) const {
  alignas(cmsghdr) std::array<char, kControlSize> control{};
  while (!files.empty()) {
    const std::span<const int> some = files.first(std::min(files.size(), kFilesAtOnce));
    std::byte byte{};
    iovec data{.iov_base = &byte, .iov_len = 1};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(some.size_bytes());
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(some.size_bytes());
    std::memcpy(CMSG_DATA(part), some.data(), some.size_bytes());
    if (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) == 1) {
      files = files.subspan(some.size());
      continue;
    }
    absl::Status room =
        AwaitAfter(errno, "sending open files to the other process", POLLOUT, deadline);
    if (!room.ok()) return room;
  }
  return absl::OkStatus();
}

absl::Status DescriptorChannel::Send(std::string_view text, std::span<const int> files,
                                     Clock::time_point deadline) const {
  if (text.size() > kMostBytes || files.size() > kMostFiles) {
    return absl::ResourceExhaustedError(fmt::format(
        "{} bytes and {} open files are too many for one message", text.size(), files.size()));
  }
  const Header header{.bytes = text.size(), .files = files.size()};
  absl::Status sent = SendBytes(std::as_bytes(std::span(&header, 1)), deadline);
  if (sent.ok()) sent = SendFiles(files, deadline);
  if (sent.ok()) sent = SendBytes(std::as_bytes(std::span(text)), deadline);
  return sent;
}

absl::Status DescriptorChannel::ReceiveBytes(std::span<std::byte> bytes,
                                             Clock::time_point deadline) const {
  while (!bytes.empty()) {
    const ssize_t received = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (received == 0) return Closed();
    if (received > 0) {
      bytes = bytes.subspan(static_cast<size_t>(received));
      continue;
    }
    absl::Status more = AwaitAfter(errno, "receiving from the other process", POLLIN, deadline);
    if (!more.ok()) return more;
  }
  return absl::OkStatus();
}

absl::Status DescriptorChannel::ReceiveFiles(size_t count, std::vector<FileDescriptor>& files,
                                             Clock::time_point deadline) const {
  alignas(cmsghdr) std::array<char, kControlSize> control{};
  while (files.size() < count) {
    std::byte byte{};
    iovec data{.iov_base = &byte, .iov_len = 1};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t received = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (received == 0) return Closed();
    if (received < 0) {
      absl::Status more =
          AwaitAfter(errno, "receiving open files from the other process", POLLIN, deadline);
      if (!more.ok()) return more;
      continue;
    }
    const size_t before = files.size();
    TakeFiles(message, files);
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
      return absl::ResourceExhaustedError("not all open files were received: raise LimitNOFILE=");
    }
    if (files.size() == before || files.size() > count) {
      return absl::InvalidArgumentError("a message of the other process has other files than said");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<DescriptorChannel::Message> DescriptorChannel::Receive(
    Clock::time_point deadline) const {
  Header header{};
  absl::Status received = ReceiveBytes(std::as_writable_bytes(std::span(&header, 1)), deadline);
  if (!received.ok()) return received;
  if (header.magic != Header{}.magic || header.bytes > kMostBytes || header.files > kMostFiles) {
    return absl::InvalidArgumentError("what the other process sends is no message of a switch");
  }
  Message message;
  received = ReceiveFiles(header.files, message.files, deadline);
  if (!received.ok()) return received;
  message.text.resize(header.bytes);
  received = ReceiveBytes(std::as_writable_bytes(std::span(message.text)), deadline);
  if (!received.ok()) return received;
  return message;
}

bool DescriptorChannel::WaitForEnd(Clock::time_point deadline) const {
  for (;;) {
    std::byte byte{};
    const ssize_t received = recv(socket_.get(), &byte, 1, 0);
    if (received == 0) return true;
    if (received > 0) continue;
    const absl::Status more = AwaitAfter(errno, "recv", POLLIN, deadline);
    if (!more.ok()) return absl::IsUnavailable(more);
  }
}

}  // namespace tapswitch
