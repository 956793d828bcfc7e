// The device file of TAPs, with the rights that a test wants.

#pragma once

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>

namespace tapswitch {

// A /dev/net/tun that only root, or everybody, may open, as the machine's own may be either. In the
// sandbox's mount namespace, until it is destroyed.
class TunDevice {
 public:
  explicit TunDevice(mode_t mode) {
    EXPECT_EQ(mknod(kNode, S_IFCHR | mode, makedev(10, 200)), 0) << std::strerror(errno);
    EXPECT_EQ(chmod(kNode, mode), 0);
    EXPECT_EQ(mount(kNode, "/dev/net/tun", nullptr, MS_BIND, nullptr), 0) << std::strerror(errno);
  }
  ~TunDevice() { umount2("/dev/net/tun", MNT_DETACH); }
  TunDevice(const TunDevice&) = delete;
  TunDevice& operator=(const TunDevice&) = delete;

 private:
  static constexpr const char* kNode = "/run/tapswitch/tun";
};

}  // namespace tapswitch
