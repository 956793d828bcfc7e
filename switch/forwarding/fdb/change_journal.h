// The change journal: what happened to the address table, to the gates of ports and to the view, in
// order and numbered.
//
// It is bounded and overwrites the oldest records, but nothing is left out in silence: a reader
// that fell behind is told so exactly. It then takes what there is by a walk of the table
// (ChangeReader::Resync, then MacTable::BeginWalk) and goes on with the number at which the walk
// began. What it reads then may tell of a change that the walk has already seen: each record says
// what is so after it, so that applying it once more does no harm.
//
// Readers are independent of each other, and cost the writer nothing. The lock on the bridge covers
// both. A record is a copy of some 50 bytes; nothing is allocated.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/gate_masks.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

struct Change {
  enum class Kind : uint8_t {
    // The station of `entry` is now on `entry.port` alone.
    kLearned,  // it is new
    kMoved,    // it was on `from`
    kSet,      // by hand, whatever there was before
    // It is on `entry.port`, too, with these flags on all its ports.
    kAppended,
    // It is not on `entry.port` any more, and not in the table after the last of its ports.
    kAged,     // not seen for too long, or given up for a new one where there was no room
    kFlushed,  // one by one: by hand, or as part of a flush while somebody wants each to be listed
    kErased,   // by hand, or with its port
    // All mortal entries of `entry.port`, or of `entry.vlan`, are gone.
    kPortFlushed,
    kVlanFlushed,
    // The station of `entry` stays on its port though it is seen elsewhere, or does so no longer.
    kHeld,
    kReleased,
    // The gate of `entry.port` is now `gate`.
    kGate,
    // Another view is in place. The gates stay as they were.
    kView,
  };

  Kind kind = Kind::kView;
  PortState gate = PortState::kDisabled;
  PortId from;
  uint32_t unlisted = 0;  // of a flush, while each is listed: how many entries were not, at least
  MacEntry entry;         // after the change; one that is gone, as it was

  bool operator==(const Change&) const = default;
};

// Settings of the table are no part of it: the ageing time, and limits. Neither are refreshes.
class ChangeJournal {
 public:
  // More than a turn of all workers makes, so that a reader which looks once a turn keeps up.
  static constexpr size_t kCapacity = 16384;
  // Entries that a flush lists at most: to list them takes the time of a forwarding thread.
  static constexpr size_t kMostListed = kCapacity / 2;

  // The memory is used as the records come.
  ChangeJournal() { records_.reserve(kCapacity); }

  void Record(const Change& change) {
    if (records_.size() < kCapacity) {
      records_.push_back(change);
    } else {
      records_[next_ % kCapacity] = change;
    }
    ++next_;
  }

  // The number of the next record; the first is 0.
  [[nodiscard]] uint64_t next() const { return next_; }
  // The number of the oldest record that is kept.
  [[nodiscard]] uint64_t oldest() const { return next_ - records_.size(); }
  // Precondition: oldest() <= number < next(). Valid until the next record.
  [[nodiscard]] const Change& at(uint64_t number) const { return records_[number % kCapacity]; }

  // Whether a flush also lists each entry that it removes, before its own record. Without that the
  // time of a flush does not depend on how many there are.
  void set_lists_flushed(bool lists) { lists_flushed_ = lists; }
  [[nodiscard]] bool lists_flushed() const { return lists_flushed_; }

  // Whether somebody is to be woken by changes, although nobody lists them.
  void set_followed(bool followed) { followed_ = followed; }
  [[nodiscard]] bool is_followed() const { return followed_ || lists_flushed_; }

 private:
  std::vector<Change> records_;
  uint64_t next_ = 0;
  bool lists_flushed_ = false;
  bool followed_ = false;
};

// The position of one who reads a journal, which outlives it. It begins with what is yet to come.
class ChangeReader {
 public:
  explicit ChangeReader(const ChangeJournal& journal)
      : journal_(&journal), position_(journal.next()) {}

  // The number that it reads next.
  [[nodiscard]] uint64_t position() const { return position_; }
  // Records that it has not read, the lost ones included.
  [[nodiscard]] uint64_t waiting() const { return journal_->next() - position_; }
  // Records that were overwritten before it read them.
  [[nodiscard]] uint64_t lost() const {
    return std::max(journal_->oldest(), position_) - position_;
  }

  // Read gives nothing until one of the two below is called.
  [[nodiscard]] bool needs_resync() const { return lost() != 0; }
  // Goes on with what is yet to come: a walk of the table that begins now has all before.
  void Resync() { position_ = journal_->next(); }
  // Goes on with the oldest record that is kept, for one who passes on that some were lost. Returns
  // how many.
  uint64_t SkipLost() {
    const uint64_t skipped = lost();
    position_ += skipped;
    return skipped;
  }

  // Calls visit(const Change&) for the next records, at most `max`; returns how many there were.
  template <typename Visit>
  size_t Read(size_t max, Visit&& visit) {
    if (needs_resync()) return 0;
    const auto count = static_cast<size_t>(std::min<uint64_t>(max, waiting()));
    for (size_t i = 0; i < count; ++i) visit(journal_->at(position_++));
    return count;
  }

 private:
  const ChangeJournal* journal_;
  uint64_t position_;
};

}  // namespace tapswitch
