// Port Role Selection (IEEE 802.1D-2004, 17.28), and updtRolesTree (17.21.25).

#include <algorithm>
#include <limits>
#include <tuple>

#include "switch/protocol/stp/tree.h"

namespace tapswitch::stp {
namespace {

uint32_t AddSaturated(uint32_t a, uint32_t b) {
  const uint64_t sum = uint64_t{a} + b;
  return static_cast<uint32_t>(std::min<uint64_t>(sum, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

void Tree::SelectRoles() {
  reselect_ = false;
  SelectRoot();
  there_.ForEach([this](PortId id) {
    TreePort& port = at(id);
    const auto before = std::tuple(port.selected, port.selected_role, port.update_info);
    SelectRole(port);
    port.selected = true;
    if (before != std::tuple(true, port.selected_role, port.update_info)) Touch(id);
  });
  // What others wait for in allSynced.
  if (!dirty_.empty()) TouchAll();
}

// 17.21.25, a to d.
void Tree::SelectRoot() {
  root_priority_ = {.root = identifier_, .root_path_cost = 0, .bridge = identifier_, .port = 0};
  root_times_ = bridge_times_;
  root_port_.reset();
  PortIdentifier root_port_id = 0;
  there_.ForEach([&](PortId id) {
    const TreePort& port = at(id);
    if (port.info_is != InfoIs::kReceived || port.admin.root_block) return;
    if (port.port_priority.bridge.address == identifier_.address) return;
    // What others still believe of an earlier priority of this bridge.
    if (port.port_priority.root.address == identifier_.address) return;
    PriorityVector path = port.port_priority;
    path.root_path_cost = AddSaturated(path.root_path_cost, path_cost(id));
    if (std::tie(path, port.port_id) >= std::tie(root_priority_, root_port_id)) return;
    root_priority_ = path;
    root_port_id = port.port_id;
    root_port_ = id;
    root_times_ = port.port_times;
    root_times_.message_age = static_cast<WireTime>(
        (root_times_.message_age + kWireSecond + kWireSecond / 2) / kWireSecond * kWireSecond);
  });
}

// 17.21.25, e to l.
void Tree::SelectRole(TreePort& port) {
  port.designated_priority = {.root = root_priority_.root,
                              .root_path_cost = root_priority_.root_path_cost,
                              .bridge = identifier_,
                              .port = port.port_id};
  port.designated_times = root_times_;
  port.designated_times.hello_time = bridge_times_.hello_time;
  switch (port.info_is) {
    case InfoIs::kDisabled:
      port.selected_role = Role::kDisabled;
      port.update_info = false;
      return;
    case InfoIs::kAged:
      port.selected_role = Role::kDesignated;
      port.update_info = true;
      return;
    case InfoIs::kMine:
      port.selected_role = Role::kDesignated;
      port.update_info = port.port_priority != port.designated_priority ||
                         port.port_times != port.designated_times;
      return;
    case InfoIs::kReceived:
      break;
  }
  port.update_info = false;
  if (root_port_ == port.id) {
    port.selected_role = Role::kRoot;
  } else if (port.designated_priority < port.port_priority) {
    port.selected_role = Role::kDesignated;
    port.update_info = true;
  } else {
    const bool is_own = port.port_priority.bridge.address == identifier_.address;
    port.selected_role = is_own ? Role::kBackup : Role::kAlternate;
  }
}

}  // namespace tapswitch::stp
