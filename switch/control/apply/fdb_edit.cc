#include "switch/control/apply/fdb_edit.h"

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

bool CanLearn(PortState state) {
  return state == PortState::kLearning || state == PortState::kForwarding;
}

absl::Status CheckRequest(const FdbRequest& request) {
  const auto bad = [&](std::string_view problem) {
    return absl::FailedPreconditionError(
        fmt::format("{}: {}", request.address.ToString(), problem));
  };
  if (request.address.is_multicast()) {
    return bad("it is a group address: give the address of one station");
  }
  if (request.address.is_zero()) return bad("no station has this address: give another one");
  if (request.sticky && request.state == MacEntryState::kPermanent && !request.extern_learn &&
      !request.use) {
    return bad("an entry cannot be sticky and permanent: add static or dynamic");
  }
  return absl::OkStatus();
}

MacEntry EntryOf(const FdbRequest& request) {
  const bool is_dynamic = request.use || request.extern_learn;
  return {.vlan = request.vlan,
          .address = request.address,
          .port = request.port,
          .state = is_dynamic ? MacEntryState::kLearned : request.state,
          .sticky = request.sticky,
          .by_user = !request.extern_learn,
          .extern_learn = request.extern_learn};
}

}  // namespace

absl::Status AddFdbEntry(MacTable& table, FdbVerb verb, const FdbRequest& request,
                         PortState port_state, Tick now) {
  if (absl::Status checked = CheckRequest(request); !checked.ok()) return checked;
  const MacEntry entry = EntryOf(request);
  const bool exists = table.Find(entry.vlan, entry.address, now).has_value();
  if (exists && verb == FdbVerb::kAdd && !request.use) {
    return absl::AlreadyExistsError(fmt::format(
        "{}: there is an entry for it: use replace, or append", entry.address.ToString()));
  }
  const bool is_dynamic = entry.state == MacEntryState::kLearned && !entry.extern_learn;
  // As the kernel does: what cannot be learned is not worth an error where it would have been.
  if (is_dynamic && !CanLearn(port_state)) {
    if (request.use) return absl::OkStatus();
    return absl::FailedPreconditionError(
        fmt::format("{}: the port is in no state to learn: add a static entry, or bring it up",
                    entry.address.ToString()));
  }
  const bool adds_a_port = verb == FdbVerb::kAppend && entry.state == MacEntryState::kStatic;
  if (adds_a_port ? table.Append(entry, now) : table.Set(entry, now)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{}: all {} entries of the table were set by hand: remove some, or start with a "
                  "larger --fdb_max",
                  entry.address.ToString(), table.capacity()));
}

absl::Status DeleteFdbEntry(MacTable& table, VlanId vlan, MacAddress address, PortId port,
                            Tick now) {
  // That of an interface is one for all VLANs.
  const auto entry = table.Find(vlan, address, now);
  if (entry && table.Erase(entry->vlan, address, port)) return absl::OkStatus();
  return absl::NotFoundError(fmt::format(
      "{}: there is no such entry on this port: see tapctl fdb show", address.ToString()));
}

}  // namespace tapswitch
