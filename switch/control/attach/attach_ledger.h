// Keeps records for --attach: the interfaces that it may attach, and those that ports depend on.
// attacher.h acts on the records.
//
// An interface is known by its ifindex, from its appearance until it is deleted, leaves the network
// namespace, or is renamed, which makes it a new one. In that time it is attached at most once. So
// a port that a user removes does not come back a moment later.

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ports/netlink/link_monitor.h"

namespace tapswitch {

class AttachLedger {
 public:
  struct Task {
    enum class Kind { kAttach, kDetach };
    Kind kind = Kind::kAttach;
    int ifindex = 0;
    std::string name;  // name of the interface, or of its port

    bool operator==(const Task&) const = default;
  };

  // `matches` tells whether interfaces of a name are to be attached.
  explicit AttachLedger(std::function<bool(std::string_view)> matches)
      : matches_(std::move(matches)) {}

  // Records that an interface has appeared, changed, or gone.
  void OnLink(const LinkEvent& link);

  // Takes the next task off the list. Either a port is to be removed because its interface has
  // gone, or an interface that is up is to be attached, unless there is a reason against it.
  [[nodiscard]] std::optional<Task> Next();
  [[nodiscard]] bool has_tasks() const { return !gone_.empty() || !news_.empty(); }

  // Records that port `name` depends on this interface. The interface needs no attention until it
  // has gone.
  void NotePort(int ifindex, const std::string& name);
  // Records that the port has been removed, or was never added.
  void ForgetPort(int ifindex) { ports_.erase(ifindex); }
  // Whether a port depends on this interface.
  [[nodiscard]] bool HasPortOn(int ifindex) const { return ports_.contains(ifindex); }
  // Returns the recorded interface that port `name` depends on; it may have gone.
  [[nodiscard]] std::optional<int> InterfaceOf(std::string_view name) const;

  // Records that the interface is not to be attached, however long it exists.
  void Settle(int ifindex);
  // Does so for interfaces that are yet to be recorded, and returns those of Settle that exist.
  void SettleInAdvance(std::span<const uint64_t> ifindexes);
  [[nodiscard]] std::vector<uint64_t> Settled() const;
  // Records that the interface could not be attached. It is tried again when it goes down and comes
  // up.
  void Postpone(int ifindex);

 private:
  enum class Attention { kWanted, kPostponed, kSettled };
  struct Interface {
    std::string name;
    bool up = false;
    Attention attention = Attention::kWanted;
  };

  void Lose(int ifindex);
  void SetAttention(int ifindex, Attention attention);

  std::function<bool(std::string_view)> matches_;
  std::map<int, Interface> interfaces_;  // interfaces that match
  std::set<int> settled_in_advance_;
  std::map<int, std::string> ports_;  // ports that depend on an interface
  std::deque<Task> gone_;             // ports whose interface has gone
  std::deque<int> news_;              // interfaces to examine
};

}  // namespace tapswitch
