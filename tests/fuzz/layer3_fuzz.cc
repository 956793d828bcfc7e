// A layer-3 station among hostile neighbours, behind a device that sends anything: whatever comes,
// memory stays bounded, what it sends is whole, and no packet is lost without being counted.
//
// The input is a row of messages, each behind a byte for its kind and one for its size: 0 a packet
// of the device, 1 a frame of the network as it is, 2 one with the station's addresses put in, 3
// time that passes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "ports/layer3/station.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {
namespace {

constexpr MacAddress kMac = MacAddress::FromNumber(0x020000000005);
constexpr size_t kHeaders = kVirtioNetHeaderSize + kEthernetHeaderSize;

void Require(bool condition) {
  if (!condition) std::abort();
}

StationConfig FuzzedConfig() {
  std::array<std::byte, IpAddress::kV6Size> v6{};
  v6[0] = std::byte{0xFD};
  v6[15] = std::byte{5};
  return {.mac = kMac,
          .addresses = {{.address = IpAddress::FromV4(0x0A000005), .length = 24},
                        {.address = IpAddress::FromV6(v6), .length = 64}},
          .routes = {{.address = IpAddress::FromV4(0x0A010000), .length = 16}},
          .gateways = {IpAddress::FromV4(0x0A000001)}};
}

struct Account {
  uint64_t held = 0;
  uint64_t released = 0;
  uint64_t given_up = 0;
};

void CheckFrames(Layer3Station& station, Account& account) {
  while (station.has_frames()) {
    const std::vector<std::byte> wire = station.TakeFrame();
    Require(wire.size() > kHeaders);
    Require(LoadBe48(&wire[kVirtioNetHeaderSize + kMacAddressSize]) == kMac.number());
    const std::span frame = std::span(wire).subspan(kVirtioNetHeaderSize);
    if (!ReadNeighbourPacket(frame).is_neighbour_packet) ++account.released;
  }
  account.given_up += station.TakeGivenUp().packets;
}

// A packet that is no message of neighbour discovery itself, so that it can be told apart.
void SendPacket(Layer3Station& station, std::span<const std::byte> bytes, Tick now,
                Account& account) {
  std::vector<std::byte> wire(kHeaders);
  wire.insert(wire.end(), bytes.begin(), bytes.end());
  constexpr size_t kNextHeader = kHeaders + 6;
  if (wire.size() > kNextHeader) wire[kNextHeader] = std::byte{17};
  const auto outgoing = station.OnPacket(wire, now);
  account.held += outgoing == Layer3Station::Outgoing::kHeld ? 1 : 0;
  const bool is_sent = outgoing == Layer3Station::Outgoing::kSend;
  Require(!is_sent || LoadBe48(&wire[kVirtioNetHeaderSize + kMacAddressSize]) == kMac.number());
}

}  // namespace
}  // namespace tapswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tapswitch;  // NOLINT(google-build-using-namespace)
  auto input = std::as_bytes(std::span(data, size));
  Layer3Station station(FuzzedConfig());
  Account account;
  Tick now{1000};
  while (input.size() >= 2) {
    const auto kind = std::to_integer<unsigned>(input[0]) % 4;
    const size_t length = std::min<size_t>(std::to_integer<size_t>(input[1]), input.size() - 2);
    const auto message = input.subspan(2, length);
    input = input.subspan(2 + length);
    std::vector<std::byte> frame(message.begin(), message.end());
    if (kind == 0) {
      SendPacket(station, message, now, account);
    } else if (kind == 3) {
      now = now + Ticks{length};
      station.OnTick(now);
    } else {
      if (kind == 2 && frame.size() >= kEthernetHeaderSize) StoreBe48(frame.data(), kMac.number());
      static_cast<void>(station.OnFrame(frame, now));
    }
    CheckFrames(station, account);
    Require(station.neighbours() <= NeighbourCache::kMost);
  }
  station.Reset();
  CheckFrames(station, account);
  Require(account.held == account.released + account.given_up);
  return 0;
}
