// Whether moves of stations look like a loop: frames that go round come back by another port, so
// stations seem to move to and fro between the same two ports, many times a second.
//
// A machine that moves changes its port once. So moves in both directions are counted, pair by
// pair. Records are few and found by the pair; one that is taken by another pair begins anew, so
// several loops at once may be told one after the other. No allocation.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "switch/forwarding/ids.h"

namespace tapswitch {

class LoopSuspicion {
 public:
  // The moves in each direction within kWithin that are suspicious. A loop makes thousands, and a
  // host that sends by two links in turn a move with each change of the link.
  static constexpr uint32_t kMovesEachWay = 50;
  static constexpr Ticks kWithin{100};
  // A pair without so many moves for this long is calm: when it begins again, that is news.
  static constexpr Ticks kCalm{6000};

  // Notes that a station has moved. Returns true of the move that makes the pair suspicious, once
  // an episode.
  bool Note(PortId from, PortId to, Tick now) {
    const bool is_upwards = from.value < to.value;
    const uint32_t key = is_upwards ? KeyOf(from, to) : KeyOf(to, from);
    Record& record = records_[key % kRecords];
    if (record.key != key) record = {.key = key};
    if (now.centiseconds - record.first >= kWithin.centiseconds) {
      record.first = now.centiseconds;
      record.moves = {};
    }
    ++record.moves[is_upwards ? 0 : 1];
    if (record.moves[0] < kMovesEachWay || record.moves[1] < kMovesEachWay) return false;
    const bool is_news = now.centiseconds >= record.told_until;
    record.told_until = now.centiseconds + kCalm.centiseconds;
    return is_news;
  }

  // The next episode of the pair is news, whenever it is.
  void Forget(PortId a, PortId b) {
    const uint32_t key = a.value < b.value ? KeyOf(a, b) : KeyOf(b, a);
    Record& record = records_[key % kRecords];
    if (record.key == key) record = {};
  }

 private:
  static constexpr size_t kRecords = 61;  // a prime, so that pairs of neighbours spread

  struct Record {
    uint32_t key = 0;                 // 0: free, as no station moves to the port where it is
    std::array<uint32_t, 2> moves{};  // upwards, and downwards
    uint64_t first = 0;               // move that is counted
    uint64_t told_until = 0;
  };

  static uint32_t KeyOf(PortId lower, PortId upper) {
    return uint32_t{lower.value} << 16U | upper.value;
  }

  std::array<Record, kRecords> records_{};
};

}  // namespace tapswitch
