// Whatever happens to two tables, and however late or never the synchroniser is told of it, both
// come to agree.

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "switch/control/evpn/fdb_synchroniser.h"

namespace tapswitch::fdb_synchroniser_property_test {
namespace {

using enum StationPlace;
using Table = std::map<MacAddress, StationSighting>;

constexpr uint64_t kStations = 8;
constexpr IpAddress kVtep = IpAddress::FromV4(0xC0000202);

StationSighting At(const Table& table, MacAddress address) {
  const auto found = table.find(address);
  return found == table.end() ? StationSighting() : found->second;
}

void Put(Table& table, MacAddress address, const StationSighting& seen) {
  if (seen.place == kNowhere) {
    table.erase(address);
  } else {
    table[address] = seen;
  }
}

// Two tables and what the synchroniser is still to be told of them: of the switch's, which address
// has changed, as the present state is read with it; of the kernel's, the state at the time.
class World {
 public:
  explicit World(uint32_t seed) : random_(seed) {}

  void Step() {
    const MacAddress address = MacAddress::FromNumber(0x020000000000 + Pick(kStations));
    const bool sticky = Pick(8) == 0;
    switch (Pick(12)) {
      case 0:
      case 1:  // a frame of the station comes in; a sticky entry of another machine stays
        if (!(At(own_, address).place == kRemote && At(own_, address).sticky)) {
          SetOwn(
              address,
              {.place = kLocal, .sticky = sticky, .port = PortId{static_cast<uint16_t>(Pick(3))}});
        }
        break;
      case 2:  // it ages, or the table is flushed
        SetOwn(address, {});
        break;
      case 3:
      case 4:  // zebra has a route
        SetTunnel(address, true);
        SetKernel(address, {.place = kRemote, .sticky = sticky});
        break;
      case 5:  // it is withdrawn
        if (At(kernel_, address).place == kRemote) SetKernel(address, {});
        SetTunnel(address, false);
        break;
      case 6:  // somebody removes an entry
        SetKernel(address, {});
        break;
      case 7:  // announcements are lost
        lost_ = lost_ || !kernel_news_.empty();
        kernel_news_.clear();
        break;
      case 8:
        if (lost_) Resync();
        break;
      case 9:
      case 10:
        TellSome();
        break;
      default:
        CarryOut(1 + Pick(3));
    }
  }

  // Nothing else happens. True if it comes to rest.
  bool ComesToRest() {
    if (lost_) Resync();
    for (int i = 0; i < 20; ++i) {
      TellAll();
      if (CarryOut(1000) == 0 && own_news_.empty() && kernel_news_.empty()) return true;
    }
    return false;
  }

  void ExpectAgreement() {
    for (uint64_t i = 0; i < kStations; ++i) {
      const MacAddress address = MacAddress::FromNumber(0x020000000000 + i);
      const StationSighting own = At(own_, address);
      const StationSighting kernel = At(kernel_, address);
      EXPECT_EQ(own.place, kernel.place) << address.ToString();
      if (own.place != kNowhere) {
        EXPECT_EQ(own.sticky, kernel.sticky) << address.ToString();
      }
    }
  }

  // All is in step: to look at it anew changes nothing.
  void ExpectThatAResynchronisationFindsNothing() {
    Resync();
    EXPECT_EQ(CarryOut(1000), 0U);
  }

 private:
  uint64_t Pick(uint64_t below) { return random_() % below; }

  void SetOwn(MacAddress address, const StationSighting& seen) {
    if (At(own_, address) == seen) return;
    Put(own_, address, seen);
    own_news_.push_back(address);
  }
  void SetKernel(MacAddress address, const StationSighting& seen) {
    if (At(kernel_, address) == seen) return;
    Put(kernel_, address, seen);
    kernel_news_.emplace_back(address, seen, std::nullopt);
  }
  void SetTunnel(MacAddress address, bool is_there) {
    const bool changes = is_there ? tunnels_.insert(address).second : tunnels_.erase(address) == 1;
    if (changes) kernel_news_.emplace_back(address, std::nullopt, is_there);
  }

  void TellOwn() {
    const MacAddress address = own_news_.front();
    own_news_.pop_front();
    synchroniser_.OnTable(address, At(own_, address));
  }
  void TellKernel() {
    const auto [address, seen, tunnel] = kernel_news_.front();
    kernel_news_.pop_front();
    if (seen) synchroniser_.OnKernel(address, *seen);
    if (tunnel) synchroniser_.OnTunnel(address, *tunnel ? std::optional(kVtep) : std::nullopt);
  }
  void TellSome() {
    for (uint64_t i = Pick(5); i > 0; --i) {
      if (Pick(2) == 0 && !own_news_.empty()) TellOwn();
      if (Pick(2) == 0 && !kernel_news_.empty()) TellKernel();
    }
  }
  void TellAll() {
    while (!own_news_.empty()) TellOwn();
    while (!kernel_news_.empty()) TellKernel();
  }

  void Resync() {
    lost_ = false;
    synchroniser_.BeginResync();
    for (const auto& [address, seen] : own_) synchroniser_.OnTable(address, seen);
    for (const auto& [address, seen] : kernel_) synchroniser_.OnKernel(address, seen);
    for (const MacAddress address : tunnels_) synchroniser_.OnTunnel(address, kVtep);
    synchroniser_.EndResync();
  }

  size_t CarryOut(size_t max) {
    const auto operations = synchroniser_.Take(max);
    for (const FdbOperation& operation : operations) CarryOutOne(operation);
    return operations.size();
  }
  void CarryOutOne(const FdbOperation& operation) {
    using enum FdbOperation::Kind;
    const MacAddress address = operation.address;
    const StationSighting own = At(own_, address);
    switch (operation.kind) {
      case kAnnounce:
        return SetKernel(address, {.place = kLocal, .sticky = operation.sticky});
      case kWithdraw:
        if (operation.has_tunnel) SetTunnel(address, false);
        if (At(kernel_, address).place == kLocal) SetKernel(address, {});
        return;
      case kInstall:
        if (own.place != operation.expected.place ||
            (own.place == kLocal && own.port != operation.expected.port)) {
          return synchroniser_.OnTable(address, own);
        }
        return SetOwn(address, {.place = kRemote, .sticky = operation.sticky});
      case kRemove:
        if (own.place == kRemote) return SetOwn(address, {});
        return synchroniser_.OnTable(address, own);
    }
  }

  struct KernelNews {
    KernelNews(MacAddress of, std::optional<StationSighting> at, std::optional<bool> has)
        : address(of), seen(at), tunnel(has) {}
    MacAddress address;
    std::optional<StationSighting> seen;
    std::optional<bool> tunnel;
  };

  std::mt19937 random_;
  Table own_;
  Table kernel_;
  std::set<MacAddress> tunnels_;
  std::deque<MacAddress> own_news_;
  std::deque<KernelNews> kernel_news_;
  bool lost_ = false;
  FdbSynchroniser synchroniser_;
};

TEST(FdbSynchroniserPropertyTest, AnyInterleavingComesToAgreement) {
  for (uint32_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed);
    for (int i = 0; i < 200; ++i) world.Step();
    ASSERT_TRUE(world.ComesToRest());
    world.ExpectAgreement();
    world.ExpectThatAResynchronisationFindsNothing();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace tapswitch::fdb_synchroniser_property_test
