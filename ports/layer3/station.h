// A layer-3 device as a station of an Ethernet: the MAC address it has, what it answers, and where
// its packets go. Pure: bytes and the time in, bytes out.
//
//   packets of the device   get an Ethernet header: groups and broadcasts at once, the others when
//                           the next hop is known; until then some wait, and ARP or neighbour
//                           discovery asks
//   frames of the network   are for the device if they carry IP and are to its MAC address, to a
//                           group or to all; ARP and neighbour discovery are the station's own

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ports/layer3/ip_prefix.h"
#include "ports/layer3/neighbour_cache.h"
#include "ports/layer3/neighbour_packet.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

struct StationConfig {
  MacAddress mac{};
  std::vector<IpPrefix> addresses;  // that it has; who is in their prefixes is reached directly
  std::vector<IpPrefix> routes;     // behind it; it answers for them, too
  std::vector<IpAddress> gateways;  // for all other destinations, one of each family

  bool operator==(const StationConfig&) const = default;
};

class Layer3Station {
 public:
  // Packets that wait for their next hop.
  static constexpr size_t kMostHeldEach = 8;
  static constexpr size_t kMostHeldBytes = size_t{512} * 1024;
  // Frames of its own that wait to be taken. Beyond that, questions are not answered.
  static constexpr size_t kMostFrames = 256;

  explicit Layer3Station(StationConfig config);
  ~Layer3Station() = default;
  Layer3Station(const Layer3Station&) = delete;
  Layer3Station& operator=(const Layer3Station&) = delete;

  enum class Outgoing : uint8_t {
    kSend,         // the header is filled in
    kHeld,         // a copy waits for its next hop
    kNoRoute,      // it is no IP, or there is no next hop
    kNoNeighbour,  // it would have to wait, and there is no room
  };
  // Takes a packet of the device, behind a virtio-net header and room for an Ethernet header.
  [[nodiscard]] Outgoing OnPacket(std::span<std::byte> wire, Tick now);

  enum class Incoming : uint8_t {
    kDeliver,       // to the device, without the Ethernet header
    kTaken,         // it was for the station itself
    kOtherStation,  // it is to another one
    kNotIp,         // it is no IP, or has a VLAN tag
  };
  // Looks at a frame of the network. Of frames that NeedsWhole is false of, the first
  // kEnoughBytes are enough.
  [[nodiscard]] Incoming OnFrame(std::span<const std::byte> frame, Tick now);
  static constexpr size_t kEnoughBytes = 55;
  // Whether OnFrame has to be given the whole frame, by its first kEnoughBytes.
  [[nodiscard]] static bool NeedsWhole(std::span<const std::byte> start);

  // Tells all that it is there.
  void Announce();
  // Forgets its neighbours, and what waits for them.
  void Reset();

  // Asks again, and gives up. To be called every tenth of a second or so, while it is waiting.
  void OnTick(Tick now) { neighbours_.OnTick(now); }
  [[nodiscard]] bool is_waiting() const { return neighbours_.is_waiting(); }

  // Frames that it sends by itself, or that have waited, each behind a virtio-net header.
  [[nodiscard]] bool has_frames() const { return !frames_.empty(); }
  [[nodiscard]] std::vector<std::byte> TakeFrame();
  // How many packets were given up since the last call, as nobody has answered, and their bytes
  // with Ethernet headers.
  struct GivenUp {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    bool operator==(const GivenUp&) const = default;
  };
  [[nodiscard]] GivenUp TakeGivenUp() { return std::exchange(given_up_, {}); }

  [[nodiscard]] const StationConfig& config() const { return config_; }
  [[nodiscard]] size_t neighbours() const { return neighbours_.size(); }

 private:
  using Bytes = std::vector<std::byte>;

  [[nodiscard]] std::optional<IpAddress> NextHop(IpAddress destination) const;
  [[nodiscard]] bool IsForAll(IpAddress destination) const;
  [[nodiscard]] bool AnswersFor(IpAddress address) const;
  [[nodiscard]] bool IsOwn(IpAddress address) const;
  [[nodiscard]] bool IsOnLink(IpAddress address) const;
  [[nodiscard]] std::optional<StationIdentity> SpeakTo(IpAddress neighbour) const;
  [[nodiscard]] Outgoing Hold(std::span<const std::byte> wire, IpAddress next_hop);
  void TakeNeighbourPacket(const NeighbourPacket& packet, MacAddress source, Tick now);
  void Ask(IpAddress target, std::optional<MacAddress> to);
  void Release(IpAddress next_hop, MacAddress mac);
  void GiveUp(IpAddress next_hop);
  void Originate(const Bytes& frame);
  void AddHeader(std::span<std::byte> wire, MacAddress destination) const;

  StationConfig config_;
  NeighbourCache neighbours_;
  std::map<IpAddress, std::vector<Bytes>> held_;  // by next hop
  size_t held_bytes_ = 0;
  std::deque<Bytes> frames_;
  GivenUp given_up_;
};

}  // namespace tapswitch
