#include "ports/vhost_user/message_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

// All files are taken into ownership before anything is refused, so that none is left open.
absl::Status MessageReader::KeepFiles(const msghdr& received) {
  msghdr list = received;
  for (cmsghdr* part = CMSG_FIRSTHDR(&list); part != nullptr; part = CMSG_NXTHDR(&list, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
      files_.emplace_back(fd);
    }
  }
  if (absl::Status usable = CheckFiles(); !usable.ok()) return usable;
  if ((received.msg_flags & MSG_CTRUNC) != 0) {
    return absl::InvalidArgumentError(
        "file descriptors that it sent were lost: they were too many, or the switch may not have "
        "more open files");
  }
  if (files_.size() > kMaxVhostDescriptors) {
    return absl::InvalidArgumentError(
        fmt::format("it sent more than {} file descriptors", kMaxVhostDescriptors));
  }
  return absl::OkStatus();
}

absl::Status MessageReader::CheckFiles() {
  const bool are_usable = std::all_of(files_.begin(), files_.end(), [](const FileDescriptor& file) {
    return KindOfFrontEndFile(file.get()) != FrontEndFile::kOther;
  });
  if (are_usable) return absl::OkStatus();
  unwanted_.Close(std::exchange(files_, {}));
  return absl::InvalidArgumentError(
      "it sent a file that is no eventfd, and no memory either (a memfd, or a file on tmpfs or "
      "hugetlbfs: QEMU's memory-backend-memfd)");
}

void MessageReader::Clear() {
  have_ = 0;
  files_.clear();
}

// True if something came.
absl::StatusOr<bool> MessageReader::Receive(int socket, size_t size) {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * kMaxVhostDescriptors)> control{};
  iovec place{.iov_base = bytes_.data() + have_, .iov_len = size - have_};
  msghdr message{.msg_name = nullptr,
                 .msg_namelen = 0,
                 .msg_iov = &place,
                 .msg_iovlen = 1,
                 .msg_control = control.data(),
                 .msg_controllen = control.size(),
                 .msg_flags = 0};
  const ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    return absl::CancelledError(std::strerror(errno));
  }
  if (absl::Status kept = KeepFiles(message); !kept.ok()) return kept;
  if (got == 0) return absl::CancelledError("it hung up");
  have_ += static_cast<size_t>(got);
  return true;
}

// True if there are `size` bytes by now.
absl::StatusOr<bool> MessageReader::Fill(int socket, size_t size) {
  while (have_ < size) {
    auto more = Receive(socket, size);
    if (!more.ok() || !*more) return more;
  }
  return true;
}

absl::StatusOr<std::optional<ReceivedMessage>> MessageReader::Read(int socket) {
  auto filled = Fill(socket, kVhostHeaderSize);
  if (!filled.ok()) return filled.status();
  if (!*filled) return std::nullopt;
  const std::span<const std::byte> bytes(bytes_);
  const auto header = ParseVhostHeader(bytes.first<kVhostHeaderSize>());
  if (!header.ok()) return header.status();
  filled = Fill(socket, kVhostHeaderSize + header->size);
  if (!filled.ok()) return filled.status();
  if (!*filled) return std::nullopt;
  have_ = 0;
  std::vector<FileDescriptor> files = std::exchange(files_, {});
  auto message =
      ParseVhostMessage(*header, bytes.subspan(kVhostHeaderSize, header->size), files.size());
  if (!message.ok()) return message.status();
  return ReceivedMessage{.message = *std::move(message), .files = std::move(files)};
}

bool MessageReader::Save(PortHandover& to) const {
  if (have_ == 0) return true;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (!to.AddCopy(fmt::format("unread{}", i), files_[i].get())) return false;
  }
  return to.AddBytes("unread", std::span(bytes_).first(have_));
}

void MessageReader::Restore(PortHandover& from) {
  const std::vector<std::byte> unread = from.TakeBytes("unread", bytes_.size());
  std::copy(unread.begin(), unread.end(), bytes_.begin());
  have_ = unread.size();
  for (size_t i = 0; i < kMaxVhostDescriptors; ++i) {
    FileDescriptor file = from.Take(fmt::format("unread{}", i));
    if (file.valid()) files_.push_back(std::move(file));
  }
}

}  // namespace tapswitch
