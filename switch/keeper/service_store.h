// The file descriptor store of the service manager (sd_pid_notify_with_fds(3)) as a keeper: it
// hands all files back to the process that it starts after the switch was killed.
//
// A file is stored as PART/FILE: neither an interface nor a file of a part has a '/' in its name.
// It stays there also when it reports an error, as a packet socket does while its interface is down
// (FDPOLL=0).

#pragma once

#include <set>
#include <string>
#include <vector>

#include "switch/keeper/keeper_message.h"
#include "switch/keeper/part_store.h"

namespace tapswitch {

class ServiceStore final : public PartStore {
 public:
  // Whether the manager that has started this process has a store for it: $NOTIFY_SOCKET and, as
  // systemd 254 sets it and the unit for earlier ones, $FDSTORE.
  [[nodiscard]] static bool IsThere();

  // `stored` names the files that are there.
  explicit ServiceStore(const std::vector<std::string>& stored)
      : stored_(stored.begin(), stored.end()) {}

  // Takes the files that the manager has handed to this process ($LISTEN_FDS) out of those of a
  // store. They are in no part that it does not know.
  [[nodiscard]] static KeptParts TakeKept();

  [[nodiscard]] absl::Status Keep(const std::string& part, PortHandover files) override;
  [[nodiscard]] absl::Status Forget(const std::string& part) override;
  [[nodiscard]] bool closes_in_time() const override { return false; }
  void Ready() override {}
  void End() override;

  // Forgets all parts.
  void Clear();

  [[nodiscard]] std::vector<std::string> stored() const { return {stored_.begin(), stored_.end()}; }

 private:
  [[nodiscard]] bool Remove(const std::string& part);

  std::set<std::string> stored_;
};

}  // namespace tapswitch
