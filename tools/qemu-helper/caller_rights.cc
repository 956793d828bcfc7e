#include "tools/qemu-helper/caller_rights.h"

#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>
#include <type_traits>

namespace tapswitch {
namespace {

struct FreeCapabilities {
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

absl::Status Failed(const char* what) { return absl::ErrnoToStatus(errno, what); }

bool IsPermitted(cap_t capabilities, cap_value_t capability) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(capabilities, capability, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
}

// Permits those of `permitted` that are permitted now, and puts those of `effective` into effect.
absl::Status Limit(std::initializer_list<cap_value_t> permitted,
                   std::initializer_list<cap_value_t> effective) {
  const Capabilities current(cap_get_proc());
  const Capabilities wanted(cap_init());
  if (current == nullptr || wanted == nullptr) return Failed("cannot read capabilities");
  const auto set = [&](cap_flag_t flag, std::initializer_list<cap_value_t> capabilities) {
    for (const cap_value_t capability : capabilities) {
      if (IsPermitted(current.get(), capability)) {
        cap_set_flag(wanted.get(), flag, 1, &capability, CAP_SET);
      }
    }
  };
  set(CAP_PERMITTED, permitted);
  set(CAP_EFFECTIVE, effective);
  return cap_set_proc(wanted.get()) == 0 ? absl::OkStatus() : Failed("cannot set capabilities");
}

// The bounding set is emptied as a second barrier. This takes CAP_SETPCAP, which comes with
// set-user-ID only.
void ClearBoundingSet() {
  for (cap_value_t capability = 0; cap_get_bound(capability) >= 0; ++capability) {
    if (cap_drop_bound(capability) != 0) return;
  }
}

}  // namespace

absl::Status BecomeCaller() {
  // Nor may the caller look into this process, or stop it and take its files.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("no_new_privs");
  ClearBoundingSet();
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return Failed("keepcaps");
  // The saved group stays until Raise has made use of it.
  if (setegid(getgid()) != 0) return Failed("setegid");
  const uid_t caller = getuid();
  if (setresuid(caller, caller, caller) != 0) return Failed("setresuid");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Failed("dumpable");
  return Limit({CAP_NET_ADMIN, CAP_DAC_OVERRIDE}, {});
}

absl::Status Raise() {
  gid_t real = 0;
  gid_t effective = 0;
  gid_t saved = 0;
  if (getresgid(&real, &effective, &saved) != 0) return Failed("getresgid");
  if (setegid(saved) != 0) return Failed("setegid");
  return Limit({CAP_NET_ADMIN, CAP_DAC_OVERRIDE}, {CAP_DAC_OVERRIDE});
}

absl::Status KeepNetAdmin() {
  const gid_t caller = getgid();
  if (setresgid(caller, caller, caller) != 0) return Failed("setresgid");
  return Limit({CAP_NET_ADMIN}, {CAP_NET_ADMIN});
}

}  // namespace tapswitch
