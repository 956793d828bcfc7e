#include "switch/process/privileges.h"

#include <grp.h>
#include <spdlog/fmt/fmt.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>

namespace tapswitch {
namespace {

constexpr std::array<cap_value_t, 3> kKept{CAP_NET_ADMIN, CAP_NET_BROADCAST, CAP_NET_RAW};

absl::Status SystemError(std::string_view what) {
  return absl::PermissionDeniedError(
      fmt::format("{}: {}; start as root, or leave --user out", what, std::strerror(errno)));
}

struct FreeCapabilities {
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

absl::Status Set(cap_t capabilities) {
  if (cap_set_proc(capabilities) == 0) return absl::OkStatus();
  return SystemError("cannot set capabilities");
}

bool IsPermitted(cap_t capabilities, cap_value_t capability) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(capabilities, capability, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
}

// Whether each of the kept capabilities that are permitted is, or is no more, one that programs
// inherit. It changes the calling thread alone.
bool PassOn(bool on) {
  const Capabilities capabilities(cap_get_proc());
  if (capabilities == nullptr) return false;
  const cap_flag_value_t value = on ? CAP_SET : CAP_CLEAR;
  for (const cap_value_t capability : kKept) {
    if (!IsPermitted(capabilities.get(), capability)) continue;
    if (!on) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, capability, 0, 0);
    cap_set_flag(capabilities.get(), CAP_INHERITABLE, 1, &capability, value);
  }
  if (cap_set_proc(capabilities.get()) != 0) return false;
  return !on || std::all_of(kKept.begin(), kKept.end(), [&](cap_value_t capability) {
    return !IsPermitted(capabilities.get(), capability) ||
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0;
  });
}

// Whether programs would have fewer capabilities than the thread, as they are no root's.
bool WouldLoseRights() {
  const Capabilities capabilities(cap_get_proc());
  if (geteuid() == 0 || capabilities == nullptr) return false;
  return std::any_of(kKept.begin(), kKept.end(), [&](cap_value_t capability) {
    return IsPermitted(capabilities.get(), capability) &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) != 1;
  });
}

// Restores the one effective capability that the next step needs: a change of user removes all.
absl::Status ClearBoundingSet(cap_t capabilities) {
  constexpr cap_value_t kNeeded = CAP_SETPCAP;
  if (!IsPermitted(capabilities, kNeeded)) return absl::OkStatus();
  cap_set_flag(capabilities, CAP_EFFECTIVE, 1, &kNeeded, CAP_SET);
  if (absl::Status set = Set(capabilities); !set.ok()) return set;
  for (cap_value_t capability = 0; cap_get_bound(capability) >= 0; ++capability) {
    if (std::find(kKept.begin(), kKept.end(), capability) != kKept.end()) continue;
    if (cap_drop_bound(capability) != 0) return SystemError("cannot clear the bounding set");
  }
  return absl::OkStatus();
}

// The capabilities to keep, of those that are permitted now.
Capabilities Kept(cap_t permitted) {
  Capabilities kept(cap_init());
  for (const cap_value_t capability : kKept) {
    if (!IsPermitted(permitted, capability)) continue;
    cap_set_flag(kept.get(), CAP_PERMITTED, 1, &capability, CAP_SET);
    cap_set_flag(kept.get(), CAP_EFFECTIVE, 1, &capability, CAP_SET);
  }
  return kept;
}

}  // namespace

absl::Status KeepCapabilities() {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0) return absl::OkStatus();
  return SystemError("cannot keep capabilities");
}

absl::Status ChangeUser(const UserAccount& user) {
  if (geteuid() == user.uid && getuid() == user.uid && getegid() == user.gid) {
    return absl::OkStatus();
  }
  if (setgroups(user.groups.size(), user.groups.data()) == 0 &&
      setresgid(user.gid, user.gid, user.gid) == 0 &&
      setresuid(user.uid, user.uid, user.uid) == 0) {
    return absl::OkStatus();
  }
  return SystemError(fmt::format("--user={}: cannot become that user", user.name));
}

absl::Status WithRightsForPrograms(const std::function<absl::Status()>& start) {
  if (!WouldLoseRights()) return start();
  if (!PassOn(true)) {
    static_cast<void>(PassOn(false));
    return absl::PermissionDeniedError(
        "a new process would not have the capabilities of this one, which has given up passing "
        "them on: restart the switch");
  }
  absl::Status started = start();
  static_cast<void>(PassOn(false));
  return started;
}

absl::Status GiveUpBpf() {
  const Capabilities capabilities(cap_get_proc());
  if (capabilities == nullptr) return SystemError("cannot read capabilities");
  if (IsPermitted(capabilities.get(), CAP_SYS_ADMIN)) return absl::OkStatus();
  constexpr cap_value_t kGivenUp = CAP_BPF;
  for (const cap_flag_t set : {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE}) {
    cap_set_flag(capabilities.get(), set, 1, &kGivenUp, CAP_CLEAR);
  }
  return Set(capabilities.get());
}

absl::Status LimitCapabilities() {
  const Capabilities current(cap_get_proc());
  if (current == nullptr) return SystemError("cannot read capabilities");
  const Capabilities kept = Kept(current.get());
  if (absl::Status cleared = ClearBoundingSet(current.get()); !cleared.ok()) return cleared;
  if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return SystemError("cannot give up privileges");
  }
  return Set(kept.get());
}

absl::Status GiveUpPrivileges(const std::optional<UserAccount>& user,
                              const std::function<absl::Status(PrivilegeStep step)>& on_all) {
  if (!user) return on_all(GiveUpBpf);
  if (absl::Status kept = on_all(KeepCapabilities); !kept.ok()) return kept;
  if (absl::Status changed = ChangeUser(*user); !changed.ok()) return changed;
  return on_all(LimitCapabilities);
}

}  // namespace tapswitch
