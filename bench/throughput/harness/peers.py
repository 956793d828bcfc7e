"""What is compared: each peer joins the interfaces of some hosts at layer 2.

To add one, write a class with a `name` and a `start`, and append it to PEERS. `start` leaves
interface `host.interface` in the namespace of each host; addresses and the check that frames pass
are done for it.
"""

import pathlib
import shutil
import subprocess

from harness.lab import call, wait_until


class Peer:
    name = ""
    about = ""       # one line, for the report
    max_hosts = 1000

    def __init__(self, lab, hosts, build):
        self.lab = lab
        self.hosts = hosts
        self.build = build

    @classmethod
    def missing(cls, build):
        """Why it cannot run on this machine, and the cure; None when it can."""
        del build
        return None

    def start(self):
        raise NotImplementedError


def _missing_program(path):
    if path.exists():
        return None
    return (f"{path} is not there: build it with "
            "`cmake --preset release && cmake --build --preset release`")


class Relay(Peer):
    name = "relay"
    about = "bare io_uring loop between two TAPs, multishot reads, no look-up"
    max_hosts = 2

    @classmethod
    def missing(cls, build):
        return _missing_program(build / "bench" / "relay")

    def start(self):
        specs = [f"{host.interface},netns={host.namespace.name}" for host in self.hosts]
        inside = self.lab.namespace("relay")
        relay = self.lab.process(*inside.exec(str(self.build / "bench" / "relay"), *specs))
        relay.wait_for_line("ready")


class Tapswitch(Peer):
    name = "tapswitch"
    about = "tapswitchd with TAP ports"
    flags = ()

    @classmethod
    def missing(cls, build):
        """Other builds may not have a flag, or not take that value of it."""
        program = build / "switch" / "tapswitchd"
        if missing := _missing_program(program):
            return missing
        checked = subprocess.run([str(program), "--check", *cls.flags, "a", "b"],
                                 capture_output=True, text=True, check=False)
        if checked.returncode == 0:
            return None
        return f"this build refuses it: {(checked.stderr or checked.stdout).strip()}"

    def start(self):
        specs = [f"{host.interface},netns={host.namespace.name}" for host in self.hosts]
        self.inside = self.lab.namespace(self.name)
        self._run(specs)

    def _run(self, specs):
        self.bridge = self.lab.unique_name()
        self.daemon = self.lab.process(*self.inside.exec(
            str(self.build / "switch" / "tapswitchd"), f"--name={self.bridge}", *self.flags,
            *specs))
        self.daemon.wait_for_line("ready")


class TapswitchEpoll(Tapswitch):
    name = "tapswitch-epoll"
    about = "tapswitchd with TAP ports, --io=epoll"
    flags = ("--io=epoll",)


def _connect_by_veth(inside, host):
    """Makes the host's interface; returns the name of its other end, which is up."""
    port = f"port{host.number}"
    inside.inside("ip", "link", "add", port, "type", "veth", "peer", "name",
                  host.interface, "netns", host.namespace.name)
    inside.inside("ip", "link", "set", port, "up")
    return port


def _connect_as_guest(lab, inside, host, build):
    """A process holds both the TAP that is the host's interface and the one that is the port, as
    QEMU does for a guest; returns the port's name, which is up."""
    port = f"port{host.number}"
    between = lab.process(*inside.exec(str(build / "bench" / "relay"),
                                       f"{host.interface},netns={host.namespace.name}", port))
    between.wait_for_line("ready")
    return port


class _ByVeth:
    def connect(self, host):
        return _connect_by_veth(self.inside, host)


class _AsGuests:
    @classmethod
    def missing(cls, build):
        return super().missing(build) or _missing_program(build / "bench" / "relay")

    def connect(self, host):
        return _connect_as_guest(self.lab, self.inside, host, self.build)


class TapswitchNoGro(Tapswitch):
    name = "tapswitch-nogro"
    about = "tapswitchd with TAP ports, --gro=off"
    flags = ("--gro=off",)


class TapswitchNoPoll(Tapswitch):
    name = "tapswitch-nopoll"
    about = "tapswitchd with TAP ports, --busy_poll=off"
    flags = ("--busy_poll=off",)


class TapswitchBusy(Tapswitch):
    name = "tapswitch-busy"
    about = "tapswitchd with TAP ports, --busy_poll=50us"
    flags = ("--busy_poll=50us",)


class TapswitchOneWorker(Tapswitch):
    name = "tapswitch-w1"
    about = "tapswitchd with TAP ports, --workers=1"
    flags = ("--workers=1",)


class TapswitchTwoWorkers(Tapswitch):
    name = "tapswitch-w2"
    about = "tapswitchd with TAP ports, --workers=2"
    flags = ("--workers=2",)


class TapswitchVlan(Tapswitch):
    name = "tapswitch-vlan"
    about = "tapswitchd with TAP ports that are in 64 VLANs, untagged in the one in use"
    flags = ("--vlan_filtering",)

    def start(self):
        super().start()
        commands = []
        for host in self.hosts:
            commands += [f"vlan add vid 2-64 dev {host.interface}",
                         f"vlan add vid 10 dev {host.interface} pvid untagged"]
        subprocess.run(self.inside.exec(
            str(self.build / "tools" / "tapctl" / "tapctl"), "-B", self.bridge, "batch", "-"),
            input="\n".join(commands), text=True, check=True)


class TapswitchNetdev(_ByVeth, Tapswitch):
    name = "tapswitch-netdev"
    about = "tapswitchd with netdev ports: one end of a veth pair to each host"

    def start(self):
        self.inside = self.lab.namespace(self.name)
        self._run([f"netdev:{self.connect(host)}" for host in self.hosts])


class TapswitchNetdevUser(TapswitchNetdev):
    name = "tapswitch-netdev-user"
    about = "the same, --kernel_forwarding=off"
    flags = ("--kernel_forwarding=off",)


class TapswitchVeth(Tapswitch):
    name = "tapswitch-veth"
    about = "tapswitchd with veth ports: pairs of its own, known conversations by the kernel"

    def start(self):
        self.inside = self.lab.namespace(self.name)
        self._run([f"veth:{host.interface},netns={host.namespace.name}" for host in self.hosts])


class TapswitchGuests(_AsGuests, TapswitchNetdev):
    name = "tapswitch-guests"
    about = "tapswitchd with netdev ports: TAPs that another process holds, as QEMU does"


class TapswitchGuestsUser(TapswitchGuests):
    name = "tapswitch-guests-user"
    about = "the same, --kernel_forwarding=off"
    flags = ("--kernel_forwarding=off",)


class TapswitchHost(Tapswitch):
    name = "tapswitch-host"
    about = "tapswitchd with veth ports, and a TAP of the host that it runs on, which is host 1"

    def start(self):
        own, *others = self.hosts
        self.inside = own.namespace
        self._run([own.interface,
                   *(f"veth:{host.interface},netns={host.namespace.name}" for host in others)])


class TapswitchHostUser(TapswitchHost):
    name = "tapswitch-host-user"
    about = "the same, --kernel_forwarding=off"
    flags = ("--kernel_forwarding=off",)


class TapswitchNetdevEpoll(TapswitchNetdev):
    name = "tapswitch-netdev-epoll"
    about = "the same, --io=epoll"
    flags = ("--io=epoll",)


class TapswitchTwoWorkersNetdev(TapswitchNetdev):
    name = "tapswitch-w2-netdev"
    about = "the same, --workers=2"
    flags = ("--workers=2",)


class Bridge(_ByVeth, Peer):
    name = "bridge"
    about = "Linux bridge with veth pairs, br_netfilter switched off for it"

    @classmethod
    def missing(cls, build):
        return None if shutil.which("ip") else "`ip` is not there: apt install iproute2"

    def start(self):
        self.inside = inside = self.lab.namespace("bridge")
        self.make_bridge(inside)
        for host in self.hosts:
            inside.inside("ip", "link", "set", self.connect(host), "master", "br0")

    @staticmethod
    def make_bridge(inside, name="br0"):
        inside.inside("ip", "link", "add", name, "type", "bridge")
        # br_netfilter hands each frame to iptables where these are set, which costs the bridge
        # some 6 % and is no part of bridging. They belong to the namespace.
        for path in pathlib.Path("/proc/sys/net/bridge").glob("bridge-nf-call-*"):
            inside.inside("sh", "-c", f"echo 0 >{path}")
        inside.inside("ip", "link", "set", name, "up")


class BridgeHost(Bridge):
    name = "bridge-host"
    about = "Linux bridge with veth pairs, whose own interface is that of host 1"

    def start(self):
        own, *others = self.hosts
        self.inside = own.namespace
        self.make_bridge(self.inside, own.interface)
        for host in others:
            self.inside.inside("ip", "link", "set", self.connect(host), "master", own.interface)


class BridgeGuests(_AsGuests, Bridge):
    name = "bridge-guests"
    about = "Linux bridge with TAPs that another process holds, as QEMU does"


class OpenVSwitch(Peer):
    """Its userspace datapath. Database, sockets and processes are of this run only."""

    name = "ovs"
    about = "Open vSwitch, userspace datapath (netdev) on TAPs"
    other_config = ()

    @classmethod
    def missing(cls, build):
        programs = ("ovsdb-tool", "ovsdb-server", "ovs-vsctl", "ovs-vswitchd")
        if all(shutil.which(program) for program in programs):
            return None
        return "Open vSwitch is not there: apt install openvswitch-switch"

    def start(self):
        inside = self.lab.namespace(self.name)
        folder = self.lab.folder()
        places = [f"OVS_{kind}={folder}" for kind in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")]

        def ovs(*command):
            return inside.exec("env", *places, *command)

        call(*ovs("ovsdb-tool", "create", f"{folder}/conf.db",
                  "/usr/share/openvswitch/vswitch.ovsschema"))
        self.lab.process(*ovs("ovsdb-server", f"{folder}/conf.db",
                              f"--remote=punix:{folder}/db.sock"))
        database = f"--db=unix:{folder}/db.sock"
        wait_until(lambda: (folder / "db.sock").exists(), "the database of Open vSwitch")
        call(*ovs("ovs-vsctl", database, "--no-wait", "init"))
        for setting in self.other_config:
            call(*ovs("ovs-vsctl", database, "--no-wait", "set", "open_vswitch", ".",
                      f"other_config:{setting}"))
        self.lab.process(*ovs("ovs-vswitchd", f"unix:{folder}/db.sock"))
        call(*ovs("ovs-vsctl", database, "add-br", "br0", "--", "set", "bridge", "br0",
                  "datapath_type=netdev"))
        for host in self.hosts:
            call(*ovs("ovs-vsctl", database, "add-port", "br0", host.interface, "--", "set",
                      "interface", host.interface, "type=tap"))
            inside.inside("ip", "link", "set", host.interface, "netns", host.namespace.name)


class OpenVSwitchTso(OpenVSwitch):
    name = "ovs-tso"
    about = "the same with its experimental userspace TSO"
    other_config = ("userspace-tso-enable=true",)


class Vde(Peer):
    name = "vde"
    about = "vde_switch with TAPs"

    @classmethod
    def missing(cls, build):
        return None if shutil.which("vde_switch") else "vde_switch is not there: apt install vde2"

    def start(self):
        inside = self.lab.namespace(self.name)
        folder = self.lab.folder()
        taps = [word for host in self.hosts for word in ("--tap", host.interface)]
        self.lab.process(*inside.exec("vde_switch", "--numports", str(len(self.hosts) + 1),
                                      "--sock", f"{folder}/ctl", *taps))
        for host in self.hosts:
            def made(host=host):
                return inside.succeeds("ip", "link", "show", host.interface)
            wait_until(made, f"{host.interface} of vde_switch")
            inside.inside("ip", "link", "set", host.interface, "netns", host.namespace.name)


PEERS = (Bridge, Relay, Tapswitch, TapswitchVlan, TapswitchEpoll, TapswitchNoGro, TapswitchNoPoll,
         TapswitchBusy, TapswitchOneWorker, TapswitchTwoWorkers, TapswitchNetdev,
         TapswitchNetdevUser, TapswitchVeth, TapswitchNetdevEpoll, TapswitchTwoWorkersNetdev,
         TapswitchHost, TapswitchHostUser, BridgeHost, TapswitchGuests, TapswitchGuestsUser,
         BridgeGuests, OpenVSwitch, OpenVSwitchTso, Vde)
