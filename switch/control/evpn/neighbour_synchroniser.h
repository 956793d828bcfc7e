// Keeps the neighbours of one VNI in step: those of stations here become neighbours of the shadow
// bridge, which a routing daemon announces; those that it learns from other machines become fixed
// ones of the switch, which answers for them (neigh_suppress).
//
// It does no I/O: state in, changes out. One thread calls it.

#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "ports/netlink/neighbour_message.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

struct NeighbourOwner {
  MacAddress mac{};
  bool router = false;

  bool operator==(const NeighbourOwner&) const = default;
};
using NeighbourOwners = std::map<IpAddress, NeighbourOwner>;

class NeighbourSynchroniser {
 public:
  // Neighbours of the shadow bridge that are known at a time. Further ones are left out.
  static constexpr size_t kMost = 16384;

  // The kernel has told of a neighbour on the shadow bridge.
  void OnKernel(const KernelNeighbour& entry);
  // Begins anew: all that the kernel has is told by OnKernel once more.
  void BeginResync();
  // Has all neighbours of other machines set once more, as the switch has forgotten some.
  void ForgetInstalled();

  // The owner of an address on another machine, from now on; nothing: there is none any more.
  struct Installation {
    IpAddress address;
    std::optional<NeighbourOwner> owner;

    bool operator==(const Installation&) const = default;
  };
  [[nodiscard]] std::vector<Installation> TakeInstallations(size_t max);

  // `here` are all neighbours whose stations are behind ports of the switch. Returns the changes of
  // the shadow bridge, `bridge`, that make it have these. What the kernel tells is waited for: a
  // change that it refuses is made again at the next call.
  [[nodiscard]] std::vector<NeighbourChange> Announce(const NeighbourOwners& here,
                                                      int bridge) const;

  // Whether an address is one of another machine, or still has to be removed.
  [[nodiscard]] bool IsElsewhere(IpAddress address) const {
    return elsewhere_.contains(address) || installed_.contains(address);
  }
  [[nodiscard]] size_t local() const { return here_.size(); }
  [[nodiscard]] size_t remote() const { return elsewhere_.size(); }
  [[nodiscard]] bool has_work() const { return !waiting_.empty(); }

 private:
  NeighbourOwners here_;       // that this switch has announced
  NeighbourOwners elsewhere_;  // that a routing daemon has learned
  NeighbourOwners installed_;  // that the switch has of these
  std::set<IpAddress> waiting_;
};

}  // namespace tapswitch
