#include "ports/socket/datagram_runs.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tapswitch {

void DatagramRuns::Mark::Put(uint16_t size, msghdr& message) {
  bytes_ = {};
  message.msg_control = bytes_.data();
  message.msg_controllen = bytes_.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof(size));
  std::memcpy(CMSG_DATA(header), &size, sizeof(size));
}

void DatagramRuns::Begin(int fd) {
  int size = 0;
  socklen_t length = sizeof(size);
  const bool is_able = getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &length) == 0;
  longest_ = is_able ? kMaxBytes : 0;
}

size_t DatagramRuns::Length(std::span<const WireFrame> frames) const {
  const size_t size = frames.front().size;
  if (size == 0 || size > longest_) return 1;
  const size_t most = std::min({frames.size(), kMaxFrames, kMaxBytes / size});
  size_t count = 1;
  while (count < most && frames[count].size == size) ++count;
  const bool has_last = count < most && frames[count].size < size && frames[count].size != 0;
  return has_last ? count + 1 : count;
}

bool DatagramRuns::Refused(size_t size, int error) {
  switch (error) {
    case EINVAL:  // longer than the MTU
    case EMSGSIZE:
      longest_ = size - 1;
      return true;
    case EIO:  // no checksums there that the kernel could leave to the card
    case EOPNOTSUPP:
      longest_ = 0;
      return true;
    default:
      return false;
  }
}

}  // namespace tapswitch
