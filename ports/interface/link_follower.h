// A LinkFollower holds what a port knows of its network interface. It tells of the interface by the
// PortStatus and by the log.
//
// The link is up when the interface is administratively up, a carrier is there where that matters,
// and reading from the interface works. An event from the kernel, or an error of a read or a write,
// makes that doubtful. It leads to one question to the kernel, where the interface is and how it is
// (LinkQuery), and the answer decides. So a stale event or a late error never leaves the port in a
// wrong state.
//
// Each queue of a port has a follower. The first queue speaks for the port: its follower alone asks
// the kernel, and logs what becomes of the link (link_answer.h).

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/interface_errors.h"
#include "ports/netlink/link_monitor.h"
#include "ports/port.h"

namespace tapswitch {

// Finds out where the interface is now, sees to it that its namespace is watched, and returns its
// state; of one that has not been there yet, as `removed`, where it is awaited. NotFound: the
// interface has been deleted. Aborted: it has been deleted, the message is all that the user is
// told of it, and the file is of no use any more. Any other error: the state cannot be known.
using LinkQuery = std::function<absl::StatusOr<LinkEvent>()>;

enum class QueueRole : uint8_t {
  kFirst,     // or only
  kFollower,  // hears of the link what the first was told
};

// The source of a queue's knowledge of the interface.
struct LinkSource {
  QueueRole role = QueueRole::kFirst;
  LinkQuery query;
  // Has another thread ask the kernel, and then call OnLinkAnswer of the port; it does not wait.
  // `query` returns the last answer then. Null: `query` asks the kernel itself.
  std::function<void()> refresh{};
};

// The result of a question to the kernel.
enum class LinkFinding : uint8_t {
  kThere,
  kDeleted,      // it may return
  kFileUseless,  // it is deleted, and its file is to be closed
  kUnknown,      // the kernel could not say
  kStarved,  // the kernel could not be asked for want of descriptors or memory: Retry asks again
};

class LinkFollower {
 public:
  struct Traits {
    bool is_foreign = false;        // the interface is not the switch's own
    bool shared_with_host = false;  // the host's network stack has its frames, too
    OffloadSet accepted;            // PortStatus::accepted
  };
  // When the status is brought up to date. What it is at the start was asked for, and is no news.
  enum class Occasion : uint8_t { kStart, kChange };

  // `identity` outlives it.
  LinkFollower(const PortIdentity& identity, Traits traits, LinkSource source);

  // Asks for the first time. An error is one of the query, and leaves nothing.
  [[nodiscard]] absl::Status Start();

  // Has another thread ask the kernel, where the source says so.
  void Refresh() const;

  // Asks, and takes the answer. The caller acts on what is returned, and then calls UpdateStatus.
  [[nodiscard]] LinkFinding Ask(const ReadHealth& reading);

  // Brings the status up to date, and logs the link as it goes up or down.
  void UpdateStatus(const ReadHealth& reading, Occasion occasion = Occasion::kChange);
  void TakeDownForClosing();

  // Whether an event is news of this interface, so that the kernel is to be asked.
  [[nodiscard]] bool IsNews(const LinkEvent& link, bool reading_waits_for_link) const;

  // An error calls for a question. The next TakeDoubt has it asked, however many errors there were.
  void Doubt() { in_doubt_ = true; }
  // Ends the doubt. True: the caller is to ask now. False: there was none, or another thread has
  // been told to ask, and awaits_answer() holds until TakeAnswer.
  [[nodiscard]] bool TakeDoubt();
  [[nodiscard]] bool awaits_answer() const { return awaits_answer_; }
  // Another thread has an answer. Returns whether a doubt awaited it.
  [[nodiscard]] bool TakeAnswer() { return std::exchange(awaits_answer_, false); }

  // Logs that a read which failed is tried again.
  void LogReadRetry(const ReadHealth& reading) const;

  [[nodiscard]] const PortStatus& status() const { return status_; }
  // The interface as it was last known. Its ifindex is 0 when it is not known.
  [[nodiscard]] const LinkEvent& link() const { return link_; }
  [[nodiscard]] bool is_deleted() const {
    return knowledge_ == Knowledge::kDeleted || knowledge_ == Knowledge::kDeletedThenUnknown;
  }
  [[nodiscard]] QueueRole role() const { return source_.role; }

 private:
  // The content of the last answers.
  enum class Knowledge : uint8_t {
    kThere,
    kUnknown,  // the kernel could not say: the link is taken to be up
    kDeleted,
    kDeletedThenUnknown,  // it was deleted, and the kernel could not say whether it has returned
  };

  void Await(const LinkEvent& link);
  void TakeLink(LinkEvent link, const ReadHealth& reading);
  LinkFinding TakeDeletion(const absl::Status& why);
  LinkFinding TakeIgnorance(const absl::Status& why);
  [[nodiscard]] bool IsNewsOfStation(const LinkEvent& link) const;
  [[nodiscard]] static MacAddress StationWithin(const LinkEvent& link, bool link_up);
  [[nodiscard]] bool is_known() const {
    return knowledge_ == Knowledge::kThere || knowledge_ == Knowledge::kDeleted;
  }
  [[nodiscard]] bool logs_link_changes(const ReadHealth& reading) const;
  void LogLink(bool link_up, std::string_view reason, Occasion occasion) const;
  [[nodiscard]] std::string WhyDown(const ReadHealth& reading) const;

  const PortIdentity& identity_;
  Traits traits_;
  LinkSource source_;
  PortStatus status_;
  LinkEvent link_;
  Knowledge knowledge_ = Knowledge::kThere;
  std::string deletion_;        // the reason for the user, where the query gave one
  bool is_awaited_ = false;     // it has not been there yet
  bool in_doubt_ = false;       // an error calls for a question
  bool awaits_answer_ = false;  // another thread was told to ask because of an earlier one
};

}  // namespace tapswitch
