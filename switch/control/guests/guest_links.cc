#include "switch/control/guests/guest_links.h"

#include <sys/epoll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "spdlog/spdlog.h"

namespace tapswitch {

GuestLinks::GuestLinks() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

void GuestLinks::Tell(const GuestPlace& place, bool is_on) {
  Guest& guest = guests_[place];
  guest.wanted = is_on;
  guest.is_abandoned = false;
  guest.next_look.reset();
  if (guest.exchange) return;
  guest.next_step = Clock::now();
  if (exchanges() < kMostExchanges) Begin(place, guest);
}

void GuestLinks::Abandon(const GuestPlace& place) {
  const auto found = guests_.find(place);
  if (found == guests_.end()) return;
  found->second.is_abandoned = true;
  const bool is_new = found->second.next_step && found->second.status.problem.empty();
  if (!found->second.exchange && !is_new) guests_.erase(found);
}

GuestLinks::Status GuestLinks::StatusOf(const GuestPlace& place) const {
  const auto found = guests_.find(place);
  return found == guests_.end() ? Status{} : found->second.status;
}

void GuestLinks::Step() {
  for (auto one = guests_.begin(); one != guests_.end();) {
    auto& [place, guest] = *one;
    if (guest.next_look && *guest.next_look <= Clock::now()) LookAgain(place, guest);
    if (guest.exchange) {
      GoOn(place, guest);
    } else if (guest.next_step && *guest.next_step <= Clock::now() &&
               exchanges() < kMostExchanges) {
      Begin(place, guest);
    }
    const bool is_over = guest.is_abandoned && !guest.exchange && !guest.next_step;
    one = is_over ? guests_.erase(one) : std::next(one);
  }
}

void GuestLinks::Begin(const GuestPlace& place, Guest& guest) {
  guest.asked = guest.wanted;
  guest.next_look.reset();
  guest.socket = FileOf(place);
  auto begun = QmpExchange::Begin(place, guest.asked);
  if (!begun.ok()) return End(place, guest, begun.status());
  guest.exchange.emplace(*std::move(begun));
  guest.next_step = Clock::now() + kPatience;
  epoll_event event{.events = EPOLLIN, .data = {}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, guest.exchange->fd(), &event) != 0) {
    End(place, guest, absl::ErrnoToStatus(errno, "epoll_ctl"));
  }
}

std::optional<GuestLinks::SocketFile> GuestLinks::FileOf(const GuestPlace& place) {
  struct stat file {};
  if (stat(place.socket.c_str(), &file) != 0) return std::nullopt;
  return SocketFile{.device = file.st_dev,
                    .inode = file.st_ino,
                    .changed = std::chrono::seconds(file.st_ctim.tv_sec) +
                               std::chrono::nanoseconds(file.st_ctim.tv_nsec)};
}

// A guest that has started anew does not know any more.
void GuestLinks::LookAgain(const GuestPlace& place, Guest& guest) {
  const auto now = Clock::now();
  guest.next_look = now + kPause;
  if (FileOf(place) == guest.socket) return;
  guest.status.told.reset();
  guest.next_look.reset();
  guest.next_step = now;
}

void GuestLinks::GoOn(const GuestPlace& place, Guest& guest) {
  if (const auto result = guest.exchange->Step()) return End(place, guest, *result);
  if (*guest.next_step > Clock::now()) return;
  End(place, guest,
      absl::DeadlineExceededError("QEMU does not answer: does it serve another client?"));
}

void GuestLinks::End(const GuestPlace& place, Guest& guest, const absl::Status& result) {
  guest.exchange.reset();
  guest.next_step.reset();
  std::string problem(result.message());
  if (result.ok()) {
    guest.status.told = guest.asked;
    spdlog::info("guest {} at {}: it sees {}", place.id, place.socket,
                 guest.asked ? "a carrier" : "no carrier");
    if (guest.asked != guest.wanted) {
      guest.next_step = Clock::now();
    } else if (!guest.wanted && !guest.is_abandoned) {
      guest.next_look = Clock::now() + kPause;
    }
  } else {
    if (!guest.is_abandoned) guest.next_step = Clock::now() + kPause;
    if (problem != guest.status.problem) {
      spdlog::warn("guest {} at {}: it is not told of its carrier: {}", place.id, place.socket,
                   problem);
    }
  }
  guest.status.problem = std::move(problem);
}

size_t GuestLinks::exchanges() const {
  return static_cast<size_t>(std::count_if(guests_.begin(), guests_.end(), [](const auto& one) {
    return one.second.exchange.has_value();
  }));
}

std::optional<std::chrono::milliseconds> GuestLinks::Wait() const {
  const bool is_full = exchanges() >= kMostExchanges;
  std::optional<std::chrono::milliseconds> wait;
  const auto now = Clock::now();
  for (const auto& [place, guest] : guests_) {
    const bool has_turn = guest.next_step && !(is_full && !guest.exchange);
    const auto next = has_turn ? guest.next_step : guest.next_look;
    if (!next) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - now);
    const auto bounded = std::max(left, std::chrono::milliseconds(0));
    wait = std::min(wait.value_or(bounded), bounded);
  }
  return wait;
}

}  // namespace tapswitch
