// The stations that a layer-3 device sends to, as ARP and neighbour discovery have told. Pure.
//
// An entry is made when a packet wants it, or when its station asks for one of our addresses. It
// holds a while after it was confirmed. When it is used later than that, its station is asked, and
// the address that is known is used until the station has not answered several times. The table is
// bounded: an entry that no packet has used makes room, else the one that was used longest ago. The
// cost of a packet does not grow with the table.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

class NeighbourCache {
 public:
  static constexpr size_t kMost = 1024;
  static constexpr Ticks kConfirmedFor{3000};  // 30 s, as the kernel's base_reachable_time
  static constexpr Ticks kBetweenQuestions{100};
  static constexpr int kMostQuestions = 3;

  // Actions that it has its owner take. Neither may call the cache.
  struct Actions {
    std::function<void(IpAddress, std::optional<MacAddress> to)> ask;
    std::function<void(IpAddress)> give_up;  // there is no such neighbour
  };

  explicit NeighbourCache(Actions actions) : actions_(std::move(actions)) {}

  // Returns where packets to `address` go; nothing if it is not known yet: it is asked for then.
  [[nodiscard]] std::optional<MacAddress> Find(IpAddress address, Tick now);

  // Somebody says that it has this address. Returns true if that was wanted and had not been known.
  // An entry is only made with `makes`. One that does not override confirms what is known, or
  // nothing.
  bool Learn(IpAddress address, MacAddress mac, bool overrides, bool makes, Tick now);

  // Asks again, and gives up, as the time has come for it. To be called every tenth of a second or
  // so, while it is waiting.
  void OnTick(Tick now);
  // Whether some answer is awaited.
  [[nodiscard]] bool is_waiting() const { return waiting_ > 0; }

  void Clear();
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  using Order = std::list<IpAddress>;

  struct Entry {
    std::optional<MacAddress> mac;
    Tick confirmed;         // when it was
    Order::iterator place;  // in used_ or unused_
    bool is_used = false;   // by a packet
    Tick next_question;     // when there is another question, or the end
    int questions = 0;      // without an answer; 0: none is awaited
  };
  using Entries = std::map<IpAddress, Entry>;

  Entry& Make(IpAddress address);
  void Use(Entry& entry);
  Entries::iterator Erase(Entries::iterator entry);
  void Ask(IpAddress address, Entry& entry, Tick now);

  Actions actions_;
  Entries entries_;
  Order used_;          // by packets, the last one at the end
  Order unused_;        // the last that was made at the end
  size_t waiting_ = 0;  // entries with questions
};

}  // namespace tapswitch
