#include "ports/layer3/neighbour_cache.h"

#include <utility>

namespace tapswitch {

NeighbourCache::Entry& NeighbourCache::Make(IpAddress address) {
  const auto found = entries_.find(address);
  if (found != entries_.end()) return found->second;
  if (entries_.size() == kMost) {
    const IpAddress gone = unused_.empty() ? used_.front() : unused_.front();
    Erase(entries_.find(gone));
    actions_.give_up(gone);
  }
  Entry& made = entries_[address];
  made.place = unused_.insert(unused_.end(), address);
  return made;
}

void NeighbourCache::Use(Entry& entry) {
  used_.splice(used_.end(), entry.is_used ? used_ : unused_, entry.place);
  entry.is_used = true;
}

NeighbourCache::Entries::iterator NeighbourCache::Erase(Entries::iterator entry) {
  const Entry& gone = entry->second;
  if (gone.questions > 0) --waiting_;
  (gone.is_used ? used_ : unused_).erase(gone.place);
  return entries_.erase(entry);
}

void NeighbourCache::Ask(IpAddress address, Entry& entry, Tick now) {
  if (entry.questions++ == 0) ++waiting_;
  entry.next_question = now + kBetweenQuestions;
  // A neighbour that is known is asked alone at first, and later all are.
  actions_.ask(address, entry.questions < kMostQuestions ? entry.mac : std::nullopt);
}

std::optional<MacAddress> NeighbourCache::Find(IpAddress address, Tick now) {
  Entry& entry = Make(address);
  Use(entry);
  const bool is_fresh = entry.mac && now < entry.confirmed + kConfirmedFor;
  if (!is_fresh && entry.questions == 0) Ask(address, entry, now);
  return entry.mac;
}

bool NeighbourCache::Learn(IpAddress address, MacAddress mac, bool overrides, bool makes,
                           Tick now) {
  const auto found = entries_.find(address);
  if (found == entries_.end() && !makes) return false;
  Entry& entry = found == entries_.end() ? Make(address) : found->second;
  if (!overrides && entry.mac && *entry.mac != mac) return false;
  const bool was_unknown = !entry.mac;
  entry.mac = mac;
  entry.confirmed = now;
  if (std::exchange(entry.questions, 0) > 0) --waiting_;
  return was_unknown;
}

void NeighbourCache::OnTick(Tick now) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    auto& [address, entry] = *at;
    if (entry.questions == 0 || now < entry.next_question) {
      ++at;
    } else if (entry.questions < kMostQuestions) {
      Ask(address, entry, now);
      ++at;
    } else {
      const IpAddress gone = address;
      at = Erase(at);
      actions_.give_up(gone);
    }
  }
}

void NeighbourCache::Clear() {
  entries_.clear();
  used_.clear();
  unused_.clear();
  waiting_ = 0;
}

}  // namespace tapswitch
