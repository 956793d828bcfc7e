// Open vSwitch's userspace datapath in a sandbox, with a folder of its own.

#pragma once

#include <string>

#include "tests/support/netns_sandbox.h"

namespace tapswitch {

class OpenVSwitch {
 public:
  // Throws on failure. The sandbox outlives this.
  explicit OpenVSwitch(const NetnsSandbox& sandbox) : sandbox_(sandbox) {
    Run("mkdir -p $OVS_RUNDIR && cd $OVS_RUNDIR && "
        "ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema && "
        "ovsdb-server conf.db --remote=punix:$OVS_RUNDIR/db.sock --pidfile --detach --no-chdir "
        "--log-file >/dev/null 2>&1 && ovs-vsctl --no-wait init && "
        "ovs-vswitchd unix:$OVS_RUNDIR/db.sock --pidfile --detach --no-chdir --log-file "
        ">/dev/null 2>&1");
  }
  // By the numbers that its two programs wrote down themselves.
  ~OpenVSwitch() { static_cast<void>(TryRun("ovs-appctl exit; ovs-appctl -t ovsdb-server exit")); }
  OpenVSwitch(const OpenVSwitch&) = delete;
  OpenVSwitch& operator=(const OpenVSwitch&) = delete;

  // `settings` are columns of table Bridge.
  void AddBridge(const std::string& name, const std::string& settings = "") const {
    Run("ovs-vsctl add-br " + name + " -- set bridge " + name + " datapath_type=netdev " +
        settings);
  }
  // `settings` are columns of table Port.
  void AddPort(const std::string& bridge, const std::string& port,
               const std::string& settings = "") const {
    Run("ovs-vsctl add-port " + bridge + " " + port + " " + settings);
  }
  [[nodiscard]] NetnsSandbox::Result TryRun(const std::string& command) const {
    return sandbox_.TryRun(kEnvironment + command);
  }

 private:
  void Run(const std::string& command) const { sandbox_.Run(kEnvironment + command); }

  inline static const std::string kEnvironment =
      "export OVS_RUNDIR=/run/tapswitch/ovs OVS_LOGDIR=/run/tapswitch/ovs "
      "OVS_DBDIR=/run/tapswitch/ovs OVS_SYSCONFDIR=/run/tapswitch/ovs; ";

  const NetnsSandbox& sandbox_;
};

}  // namespace tapswitch
