// Who has come and who has gone: the interfaces that --attach may be about, and those that ports
// depend on. Bookkeeping only; attacher.h does what follows from it.
//
// An interface is known by its ifindex, from its appearance until it is deleted, leaves the network
// namespace, or gets another name, which makes it another one. In that time it is attached once at
// most: who removes its port by hand does not find it back the moment after.

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ports/netlink/link_monitor.h"

namespace tapswitch {

class AttachLedger {
 public:
  struct Task {
    enum class Kind { kAttach, kDetach };
    Kind kind = Kind::kAttach;
    int ifindex = 0;
    std::string name;  // of the interface, or of its port

    bool operator==(const Task&) const = default;
  };

  // `matches`: whether interfaces of a name are to be attached.
  explicit AttachLedger(std::function<bool(std::string_view)> matches)
      : matches_(std::move(matches)) {}

  // An interface is there, has changed, or has gone.
  void OnLink(const LinkEvent& link);

  // What is to be done next: a port whose interface has gone is to be removed, or an interface that
  // is up is to be attached, unless there is a reason against it. The task is taken off the list.
  [[nodiscard]] std::optional<Task> Next();
  [[nodiscard]] bool has_tasks() const { return !gone_.empty() || !news_.empty(); }

  // Port `name` depends on this interface, which needs no attention any more until it has gone.
  void NotePort(int ifindex, const std::string& name);
  // The port has been removed, or never came to be.
  void ForgetPort(int ifindex) { ports_.erase(ifindex); }
  // Whether a port depends on this interface.
  [[nodiscard]] bool HasPortOn(int ifindex) const { return ports_.contains(ifindex); }
  // The interface that port `name` depends on, as far as is noted here; it may have gone.
  [[nodiscard]] std::optional<int> InterfaceOf(std::string_view name) const;

  // The interface is not to be attached, however long it is there.
  void Settle(int ifindex);
  // It could not be attached: it is tried again when it has been down and comes up.
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
  std::map<int, Interface> interfaces_;  // those that match
  std::map<int, std::string> ports_;     // those that depend on an interface
  std::deque<Task> gone_;                // ports whose interface has gone
  std::deque<int> news_;                 // interfaces to be looked at
};

}  // namespace tapswitch
