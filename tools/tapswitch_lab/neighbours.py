"""Open vSwitch as a neighbour: a node has a database and a switch of its own, in user space."""

import os
import subprocess

from tapswitch_lab import processes, programs
from tapswitch_lab.errors import LabError
from tapswitch_lab.switches import last_words

START_SECONDS = 20
BRIDGE = "br0"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def environment(node, state):
    """Tells the programs of Open vSwitch which one is meant."""
    folder = state.node_folder(node)
    return {"OVS_RUNDIR": str(folder), "OVS_DBDIR": str(folder), "OVS_LOGDIR": str(folder),
            "TAPSWITCH_LAB": state.name}


def start(node, state):
    """Starts the node's Open vSwitch, with all its interfaces as ports of one bridge."""
    folder = state.node_folder(node)
    folder.mkdir(parents=True, exist_ok=True)
    database, socket = folder / "conf.db", folder / "db.sock"
    database.unlink(missing_ok=True)
    subprocess.run([programs.require("ovsdb-tool", "openvswitch-switch"), "create", database,
                    SCHEMA], check=True)
    log = state.folder / node.log
    server = [programs.require("ovsdb-server", "openvswitch-switch"), str(database),
              f"--remote=punix:{socket}", f"--unixctl={folder}/ovsdb.ctl"]
    switch = [programs.require("ovs-vswitchd", "openvswitch-switch"), f"unix:{socket}",
              f"--unixctl={folder}/vswitchd.ctl"]
    processes.spawn(state.folder / f"{node.name}.db.pid", server, log, node.namespace,
                    environment(node, state))
    if not processes.wait_until(socket.exists, START_SECONDS):
        raise LabError(f"{node.name}: ovsdb-server does not start: {last_words(log)}")
    processes.spawn(state.folder / node.record, switch, log, node.namespace,
                    environment(node, state))
    words = ["add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev"]
    for end in node.interfaces.values():
        words += ["--", "add-port", BRIDGE, end.name]
        words += [f"tag={end.link.vlan}"] if end.link.vlan else []
        words += [f"trunks={','.join(map(str, end.link.vlans))}"] if end.link.vlans else []
    done = subprocess.run(
        [programs.require("ovs-vsctl", "openvswitch-switch"), f"--db=unix:{socket}",
         f"--timeout={START_SECONDS}", *words],
        env={**os.environ, **environment(node, state)}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{node.name}: ovs-vsctl: {done.stdout.strip()}")
