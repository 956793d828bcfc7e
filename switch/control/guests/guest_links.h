// Guests of QEMU that are told by QMP whether their card has a carrier.
//
// A guest is told by a connection that lasts as long as one dialogue, so that others can use the
// socket, too: QEMU serves one client at a time. No call waits: Step goes on with the dialogues,
// when fd() is readable or the time of Wait is over. What fails is tried again each second, as the
// guest may not have started yet.
//
// A QEMU that starts anew gives its guest a carrier, and makes its socket anew. So where a guest is
// to have none, the socket's file is looked at each second, and the guest told again when it is
// another one.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "ports/os/file_descriptor.h"
#include "switch/control/config/guest_place.h"
#include "switch/control/guests/qmp_exchange.h"

namespace tapswitch {

class GuestLinks {
 public:
  // The maximum of dialogues at a time; others wait for their turn.
  static constexpr size_t kMostExchanges = 16;
  // How long one may take: QEMU says nothing while it serves somebody else.
  static constexpr std::chrono::milliseconds kPatience{5000};
  static constexpr std::chrono::milliseconds kPause{1000};

  struct Status {
    std::optional<bool> told{};  // the carrier that the guest was told of last
    std::string problem{};       // why it could not be told; empty: there is none
  };

  GuestLinks();

  [[nodiscard]] int fd() const { return epoll_.get(); }

  // Has the guest see a carrier, or none, as soon as that is possible. A problem that is found at
  // once is in the status already.
  void Tell(const GuestPlace& place, bool is_on);
  // Says that nobody needs to know more of the guest: what it is to be told is not tried again.
  void Abandon(const GuestPlace& place);
  [[nodiscard]] Status StatusOf(const GuestPlace& place) const;

  void Step();
  // The time until Step is to be called without fd() being readable; nothing: there is none.
  [[nodiscard]] std::optional<std::chrono::milliseconds> Wait() const;

 private:
  using Clock = std::chrono::steady_clock;

  // Which file a socket is: an inode's number is soon another file's.
  struct SocketFile {
    dev_t device = 0;
    ino_t inode = 0;
    std::chrono::nanoseconds changed{};

    bool operator==(const SocketFile&) const = default;
  };

  struct Guest {
    Status status;
    bool wanted = true;
    bool is_abandoned = false;
    std::optional<QmpExchange> exchange{};
    bool asked = true;                             // the carrier that the dialogue is about
    std::optional<Clock::time_point> next_step{};  // when it ends, or when to begin another one
    std::optional<SocketFile> socket{};            // of the last dialogue
    std::optional<Clock::time_point> next_look{};  // at the socket, while there is no next step
  };
  using Guests = std::map<GuestPlace, Guest>;

  void Begin(const GuestPlace& place, Guest& guest);
  void GoOn(const GuestPlace& place, Guest& guest);
  [[nodiscard]] static std::optional<SocketFile> FileOf(const GuestPlace& place);
  static void LookAgain(const GuestPlace& place, Guest& guest);
  static void End(const GuestPlace& place, Guest& guest, const absl::Status& result);
  [[nodiscard]] size_t exchanges() const;

  FileDescriptor epoll_;
  Guests guests_;
};

}  // namespace tapswitch
