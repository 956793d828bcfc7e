#include "switch/protocol/multicast/querier.h"

#include <algorithm>

namespace tapswitch {

void Querier::Configure(const VlanMulticast& settings, IpAddress own, Tick now) {
  const bool starts = settings.querier && !settings_.querier;
  const bool has_changed = !(settings == settings_);
  settings_ = settings;
  own_ = own;
  if (!settings.querier && !other_.is_alive(now)) was_asked_ = false;
  if (starts && !other_.is_alive(now)) return Start(now);
  // A shorter interval holds from now on, not from the next query on.
  if (has_changed && settings.querier) next_ = std::min(next_, now + settings.query_interval);
}

void Querier::Start(Tick now) {
  next_ = now;
  startup_left_ = settings_.startup_query_count;
  if (was_asked_) return;
  was_asked_ = true;
  answered_at_ = now + settings_.query_response_interval;
}

void Querier::OnQuery(IpAddress sender, PortId port, uint8_t version, Ticks max_response,
                      Tick now) {
  if (sender.is_unspecified() || sender == own_) return;
  // Of two, the lower address is elected. One that asks without an address is no rival to it.
  const bool own_wins = settings_.querier && !own_.is_unspecified() && own_ < sender;
  const bool is_known = other_.is_alive(now) && other_.address == sender;
  const bool other_wins = other_.is_alive(now) && other_.address < sender;
  HeardQuerier heard{.address = sender,
                     .port = port,
                     .version = version,
                     .first_heard = is_known ? other_.first_heard : now,
                     .last_heard = now,
                     .until = now + settings_.querier_interval};
  if (own_wins || other_wins) {
    const bool was_heard = rival_.is_alive(now) && rival_.address == sender;
    if (was_heard) heard.first_heard = rival_.first_heard;
    rival_ = heard;
    return;
  }
  if (!is_known && other_.is_alive(now)) rival_ = other_;
  if (!was_asked_ || (!settings_.querier && !other_.is_alive(now))) {
    answered_at_ = now + std::max(max_response, Ticks{100});
  }
  was_asked_ = true;
  other_ = heard;
}

void Querier::Forget(PortId port, Tick now) {
  if (rival_.port == port) rival_.until = {};
  if (!other_.is_alive(now) || other_.port != port) return;
  other_.until = now;
  if (settings_.querier) Start(now);
}

bool Querier::TakeDue(Tick now) {
  if (!settings_.querier) {
    if (!other_.is_alive(now)) was_asked_ = false;
    return false;
  }
  if (other_.is_alive(now)) {
    // It goes on when the other one is silent for too long.
    next_ = other_.until;
    return false;
  }
  if (now < next_) return false;
  if (!was_asked_) Start(now);
  const bool is_startup = startup_left_ > 1;
  if (startup_left_ > 0) --startup_left_;
  next_ = now + (is_startup ? settings_.startup_query_interval : settings_.query_interval);
  return true;
}

void Querier::AskAgain(Tick now) {
  if (asks(now) || other_.is_alive(now)) {
    answered_at_ = now + settings_.query_response_interval;
  }
  if (!asks(now)) return;
  next_ = now;
  startup_left_ = settings_.startup_query_count;
}

std::optional<Tick> Querier::next_deadline(Tick now) const {
  std::optional<Tick> next;
  const auto consider = [&](Tick when) { next = std::min(next.value_or(when), when); };
  if (asks(now)) consider(next_);
  if (other_.is_alive(now)) consider(other_.until);
  if (now < answered_at_) consider(answered_at_);
  return next;
}

}  // namespace tapswitch
