#include "ports/layer3/neighbour_cache.h"

#include <algorithm>
#include <utility>

namespace tapswitch {

NeighbourCache::Entry& NeighbourCache::Make(IpAddress address) {
  const auto found = entries_.find(address);
  if (found != entries_.end()) return found->second;
  if (entries_.size() == kMost) {
    const auto oldest = std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& one, const auto& other) { return one.second.used < other.second.used; });
    if (oldest->second.questions > 0) --waiting_;
    const IpAddress gone = oldest->first;
    entries_.erase(oldest);
    actions_.give_up(gone);
  }
  return entries_[address];
}

void NeighbourCache::Ask(IpAddress address, Entry& entry, Tick now) {
  if (entry.questions++ == 0) ++waiting_;
  entry.next_question = now + kBetweenQuestions;
  // A neighbour that is known is asked alone at first, and later all are.
  actions_.ask(address, entry.questions < kMostQuestions ? entry.mac : std::nullopt);
}

std::optional<MacAddress> NeighbourCache::Find(IpAddress address, Tick now) {
  Entry& entry = Make(address);
  entry.used = now;
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
      --waiting_;
      at = entries_.erase(at);
      actions_.give_up(gone);
    }
  }
}

void NeighbourCache::Clear() {
  entries_.clear();
  waiting_ = 0;
}

}  // namespace tapswitch
