// The other end of a vhost port: a front end of vhost-user with the driver of a guest, in one. It
// speaks as QEMU does, and lets tests write anything into its messages, memory and rings.

#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "ports/vhost_user/features.h"
#include "ports/vhost_user/message.h"
#include "tests/support/driver_ring.h"
#include "tests/support/socket_peer.h"

namespace tapswitch {

[[nodiscard]] constexpr uint64_t FeatureBit(unsigned number) { return uint64_t{1} << number; }

class VhostFrontEnd {
 public:
  using Bytes = std::vector<std::byte>;

  struct Options {
    uint64_t features = kUsualFeatures;
    uint16_t ring_size = 256;
    uint32_t pairs = 1;
  };
  // The features of Linux 6.1 in QEMU 7.2, without offloads.
  static constexpr uint64_t kUsualFeatures =
      FeatureBit(virtio::kVersion1) | FeatureBit(virtio::kMrgRxbuf) |
      FeatureBit(virtio::kIndirectDesc) | FeatureBit(virtio::kProtocolFeatures);
  static constexpr uint64_t kProtocolFeatures = 0x1800D;  // MQ, RARP, REPLY_ACK, SLOTS, STATUS
  static constexpr size_t kHeader = 12;
  static constexpr size_t kBuffers = size_t{2} << 20U;  // where they begin
  static constexpr size_t kBufferSize = 2048;
  static constexpr size_t kSendSlot = size_t{128} << 10U;
  static constexpr size_t kSendSlots = 32;

  VhostFrontEnd() : VhostFrontEnd(Options{}) {}
  explicit VhostFrontEnd(Options options) : options_(options), memory_(size_t{8} << 20U) {
    for (uint32_t i = 0; i < 2 * options_.pairs; ++i) {
      rings_.emplace_back(memory_, i * DriverRing::kStride, options_.ring_size);
      kicks_.emplace_back(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      calls_.emplace_back(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
  }

  // ---- The connection

  [[nodiscard]] bool Connect(const std::string& path) {
    FileDescriptor connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = UnixAddress(path);
    if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
        0) {
      return false;
    }
    connection_ = std::move(connection);
    return true;
  }
  // For a switch that connects.
  void Listen(const std::string& path) {
    unlink(path.c_str());
    listener_ = FileDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = UnixAddress(path);
    if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(listener_.get(), 1) != 0) {
      throw std::runtime_error("listen " + path);
    }
  }
  [[nodiscard]] bool Accept() {
    if (!IsReadable(listener_.get(), kAnswerLimit)) return false;
    connection_ = FileDescriptor(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return connection_.valid();
  }
  void HangUp() { connection_ = FileDescriptor(); }
  [[nodiscard]] bool WaitForHangUp() const {
    std::array<std::byte, 4096> ignored{};
    while (IsReadable(connection_.get(), kAnswerLimit)) {
      if (recv(connection_.get(), ignored.data(), ignored.size(), 0) <= 0) return true;
    }
    return false;
  }

  // ---- Messages

  // False if the connection has ended.
  bool SendRaw(std::span<const std::byte> bytes, std::span<const int> files = {}) const {
    std::array<std::byte, CMSG_SPACE(sizeof(int) * 64)> control{};
    iovec place{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    if (!files.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(files.size_bytes());
      cmsghdr* const part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(files.size_bytes());
      std::memcpy(CMSG_DATA(part), files.data(), files.size_bytes());
    }
    return sendmsg(connection_.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  static Bytes Message(VhostRequest request, std::span<const std::byte> payload,
                       uint32_t flags = 1) {
    Bytes message(kVhostHeaderSize);
    const std::array<uint32_t, 3> header{static_cast<uint32_t>(request), flags,
                                         static_cast<uint32_t>(payload.size())};
    std::memcpy(message.data(), header.data(), sizeof(header));
    message.insert(message.end(), payload.begin(), payload.end());
    return message;
  }
  template <typename... Numbers>
  static Bytes Payload(Numbers... numbers) {
    Bytes payload;
    const auto add = [&](const auto& number) {
      const auto bytes = std::as_bytes(std::span(&number, 1));
      payload.insert(payload.end(), bytes.begin(), bytes.end());
    };
    (add(numbers), ...);
    return payload;
  }
  bool Request(VhostRequest request, const Bytes& payload = {},
               std::span<const int> files = {}) const {
    return SendRaw(Message(request, payload), files);
  }
  // The number of the reply, or nothing if the connection ends.
  [[nodiscard]] std::optional<uint64_t> Reply() const {
    std::array<std::byte, kVhostHeaderSize + 8> reply{};
    if (!IsReadable(connection_.get(), kAnswerLimit)) return std::nullopt;
    if (recv(connection_.get(), reply.data(), reply.size(), MSG_WAITALL) !=
        static_cast<ssize_t>(reply.size())) {
      return std::nullopt;
    }
    uint64_t value = 0;
    std::memcpy(&value, reply.data() + kVhostHeaderSize, sizeof(value));
    return value;
  }
  [[nodiscard]] std::optional<uint64_t> Ask(VhostRequest request) const {
    return Request(request) ? Reply() : std::nullopt;
  }
  // The 64 bits behind the header of the reply are of GET_VRING_BASE ring and index.
  // Returns once all that was sent has been served. False if the connection has ended.
  [[nodiscard]] bool Settle() const { return Ask(VhostRequest::kGetFeatures).has_value(); }

  static Bytes RegionPayload(const VhostRegion& region) {
    return Payload(region.guest_address, region.size, region.user_address, region.file_offset);
  }
  bool SetMemory() const { return SetMemory(memory_.region(), memory_.fd()); }
  bool SetMemory(const VhostRegion& region, int fd) const {
    Bytes payload = Payload(uint32_t{1}, uint32_t{0});
    const Bytes numbers = RegionPayload(region);
    payload.insert(payload.end(), numbers.begin(), numbers.end());
    return Request(VhostRequest::kSetMemTable, payload, {&fd, 1});
  }
  void Negotiate() const {
    static_cast<void>(Ask(VhostRequest::kGetFeatures));
    static_cast<void>(Ask(VhostRequest::kGetProtocolFeatures));
    Request(VhostRequest::kSetProtocolFeatures, Payload(kProtocolFeatures));
    Request(VhostRequest::kSetOwner);
    Request(VhostRequest::kSetFeatures, Payload(options_.features));
  }
  void DescribeRing(uint32_t index) const {
    const DriverRing& ring = rings_[index];
    Request(VhostRequest::kSetVringNum, Payload(index, uint32_t{ring.size()}));
    Request(VhostRequest::kSetVringBase, Payload(index, uint32_t{0}));
    SetAddress(index, 0);
  }
  void SetAddress(uint32_t index, uint64_t shift) const {
    const DriverRing& ring = rings_[index];
    const uint64_t user = SharedTestMemory::kUser + shift;
    Request(VhostRequest::kSetVringAddr,
            Payload(index, uint32_t{0}, user + ring.descriptors(), user + ring.used(),
                    user + ring.available(), uint64_t{0}));
  }
  void StartRing(uint32_t index) const {
    DescribeRing(index);
    const int kick = kicks_[index].get();
    const int call = calls_[index].get();
    Request(VhostRequest::kSetVringKick, Payload(uint64_t{index}), {&kick, 1});
    Request(VhostRequest::kSetVringCall, Payload(uint64_t{index}), {&call, 1});
    Request(VhostRequest::kSetVringEnable, Payload(index, uint32_t{1}));
  }
  [[nodiscard]] std::optional<uint64_t> StopRing(uint32_t index) const {
    Request(VhostRequest::kGetVringBase, Payload(index, uint32_t{0}));
    return Reply();
  }
  // All that a guest does until frames pass. False if the connection has ended.
  [[nodiscard]] bool Start() {
    for (DriverRing& ring : rings_) ring.Reset();
    taken_ = 0;
    Negotiate();
    SetMemory();
    PostBuffers();
    for (uint32_t i = 0; i < rings_.size(); ++i) StartRing(i);
    return Settle();
  }

  // ---- The driver

  void PostBuffers() {
    for (uint16_t i = 0; i < options_.ring_size; ++i) {
      rings_[0].Describe(i, {.address = SharedTestMemory::kGuest + BufferOf(i),
                             .length = kBufferSize,
                             .flags = DriverRing::kWrite});
      rings_[0].Offer(i);
    }
  }
  // After the ring has begun anew.
  void ForgetReceived() { taken_ = 0; }
  // Kicks as long as the switch does not ask for none.
  void Kick(uint32_t index) const {
    if ((rings_[index].used_flags() & 1U) == 0) eventfd_write(kicks_[index].get(), 1);
  }
  // Whether Send does not wait.
  [[nodiscard]] bool HasRoom(uint32_t index = 1) const {
    const DriverRing& ring = rings_[index];
    return static_cast<uint16_t>(ring.next() - ring.used_index()) < kSendSlots;
  }
  // Sends a frame behind a header. Waits until a slot is free.
  [[nodiscard]] bool Send(std::span<const std::byte> frame, std::span<const std::byte> header = {},
                          uint32_t index = 1) {
    DriverRing& ring = rings_[index];
    if (!WaitFor([&] { return HasRoom(index); })) return false;
    const auto slot = static_cast<uint16_t>(ring.next() % kSendSlots);
    const size_t place = SlotOf(slot);
    std::memset(memory_.at(place), 0, kHeader);
    if (!header.empty()) std::memcpy(memory_.at(place), header.data(), header.size());
    std::memcpy(memory_.at(place + kHeader), frame.data(), frame.size());
    ring.Describe(slot, {.address = SharedTestMemory::kGuest + place,
                         .length = static_cast<uint32_t>(kHeader + frame.size())});
    ring.Offer(slot);
    Kick(index);
    return true;
  }
  // Returns the next frame without its header, which is kept.
  [[nodiscard]] std::optional<Bytes> Receive(std::chrono::milliseconds limit = kAnswerLimit) {
    DriverRing& ring = rings_[0];
    if (!WaitFor([&] { return ring.used_index() != taken_; }, limit)) return std::nullopt;
    Bytes bytes;
    uint16_t buffers = 1;
    for (uint16_t i = 0; i < buffers; ++i) {
      const auto [head, size] = ring.UsedEntry(taken_++);
      const std::byte* const buffer = memory_.at(BufferOf(static_cast<uint16_t>(head)));
      bytes.insert(bytes.end(), buffer, buffer + size);
      if (i == 0) std::memcpy(&buffers, bytes.data() + 10, sizeof(buffers));
      ring.Offer(static_cast<uint16_t>(head));
    }
    header_.assign(bytes.begin(), bytes.begin() + kHeader);
    return Bytes(bytes.begin() + kHeader, bytes.end());
  }
  [[nodiscard]] const Bytes& header() const { return header_; }

  // The index of the ring up to which frames were received.
  [[nodiscard]] uint16_t taken() const { return taken_; }

  [[nodiscard]] DriverRing& ring(uint32_t index) { return rings_[index]; }
  [[nodiscard]] const DriverRing& ring(uint32_t index) const { return rings_[index]; }
  [[nodiscard]] const SharedTestMemory& memory() const { return memory_; }
  [[nodiscard]] int connection() const { return connection_.get(); }
  [[nodiscard]] int kick(uint32_t index) const { return kicks_[index].get(); }
  [[nodiscard]] int call(uint32_t index) const { return calls_[index].get(); }
  static size_t BufferOf(uint16_t index) { return kBuffers + kBufferSize * index; }
  static size_t SlotOf(uint16_t slot) { return kBuffers + (size_t{2} << 20U) + kSendSlot * slot; }

 private:
  template <typename Condition>
  static bool WaitFor(const Condition& condition, std::chrono::milliseconds limit = kAnswerLimit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
  }

  Options options_;
  SharedTestMemory memory_;
  std::vector<DriverRing> rings_;
  std::vector<FileDescriptor> kicks_;
  std::vector<FileDescriptor> calls_;
  FileDescriptor listener_;
  FileDescriptor connection_;
  uint16_t taken_ = 0;
  Bytes header_;
};

}  // namespace tapswitch
