// A file system with one file, "file", which stops answering when it is told to: that of a front
// end which lets others wait (FUSE, fuse(4)).

#pragma once

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "ports/os/file_descriptor.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

class SilentFileSystem {
 public:
  // Mounts it on a folder, in the namespace of the caller's mounts.
  explicit SilentFileSystem(std::string folder)
      : folder_(std::move(folder)), device_(open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    if (!device_.valid()) return;
    const auto options = fmt::format("fd={},rootmode=40000,user_id=0,group_id=0", device_.get());
    if (mount("silent", folder_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
      device_ = FileDescriptor();
      return;
    }
    thread_ = std::thread([this] { Serve(); });
  }
  // Ends the waiting of all who wait for it, with an error.
  ~SilentFileSystem() {
    if (!device_.valid()) return;
    umount2(folder_.c_str(), MNT_FORCE | MNT_DETACH);
    ends_ = true;
    thread_.join();
  }
  SilentFileSystem(const SilentFileSystem&) = delete;
  SilentFileSystem& operator=(const SilentFileSystem&) = delete;

  [[nodiscard]] bool is_there() const { return device_.valid(); }
  [[nodiscard]] FileDescriptor Open() const {
    return FileDescriptor(open((folder_ + "/file").c_str(), O_RDWR | O_CLOEXEC));
  }
  void BeSilent() { is_silent_ = true; }

 private:
  static constexpr uint64_t kFile = 2;
  static constexpr uint64_t kSize = 8 << 20U;

  void Serve() const {
    std::array<std::byte, 64 * 1024> request{};
    while (!ends_) {
      pollfd ready{.fd = device_.get(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 20) <= 0 || (ready.revents & POLLIN) == 0) continue;
      if (read(device_.get(), request.data(), request.size()) < 0) continue;
      fuse_in_header header{};
      std::memcpy(&header, request.data(), sizeof(header));
      if (!is_silent_) Answer(header);
    }
  }
  void Answer(const fuse_in_header& request) const {
    switch (request.opcode) {
      case FUSE_INIT: {
        fuse_init_out out{};
        out.major = FUSE_KERNEL_VERSION;
        out.minor = FUSE_KERNEL_MINOR_VERSION;
        out.max_write = 4096;
        return Reply(request, out);
      }
      case FUSE_LOOKUP: {
        fuse_entry_out out{};
        out.nodeid = kFile;
        out.attr = Attributes(kFile);
        return Reply(request, out);
      }
      case FUSE_GETATTR: {
        fuse_attr_out out{};
        out.attr = Attributes(request.nodeid);
        return Reply(request, out);
      }
      case FUSE_OPEN:
        return Reply(request, fuse_open_out{});
      case FUSE_FLUSH:
      case FUSE_RELEASE:
        return Reply(request, std::array<std::byte, 0>{});
      default:
        return;
    }
  }
  static fuse_attr Attributes(uint64_t node) {
    fuse_attr attributes{};
    attributes.ino = node;
    attributes.size = node == kFile ? kSize : 0;
    attributes.mode = node == kFile ? S_IFREG | 0600U : S_IFDIR | 0700U;
    attributes.nlink = 1;
    return attributes;
  }
  template <typename Out>
  void Reply(const fuse_in_header& request, const Out& out) const {
    constexpr size_t kBody = std::is_empty_v<Out> || sizeof(Out) <= 1 ? 0 : sizeof(Out);
    std::array<std::byte, sizeof(fuse_out_header) + sizeof(Out)> reply{};
    fuse_out_header header{};
    header.len = static_cast<uint32_t>(sizeof(header) + kBody);
    header.unique = request.unique;
    std::memcpy(reply.data(), &header, sizeof(header));
    if constexpr (kBody > 0) std::memcpy(reply.data() + sizeof(header), &out, kBody);
    static_cast<void>(write(device_.get(), reply.data(), header.len) < 0);
  }

  std::string folder_;
  FileDescriptor device_;
  std::atomic<bool> is_silent_ = false;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

}  // namespace tapswitch
