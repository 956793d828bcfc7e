"""What is compared: each peer joins the interfaces of some hosts at layer 2.

To add one, write a class with a `name` and a `start`, and append it to PEERS. `start` leaves
interface `host.interface` in the namespace of each host; addresses and the check that frames pass
are done for it.
"""

import pathlib
import shutil


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
    about = "bare io_uring loop between two TAPs, no look-up: the ceiling of TAP I/O"
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
        return _missing_program(build / "switch" / "tapswitchd")

    def start(self):
        specs = [f"{host.interface},netns={host.namespace.name}" for host in self.hosts]
        self.inside = self.lab.namespace(self.name)
        self.bridge = self.lab.unique_name()
        self.daemon = self.lab.process(*self.inside.exec(
            str(self.build / "switch" / "tapswitchd"), f"--name={self.bridge}", *self.flags, *specs))
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


class TapswitchNetdev(Tapswitch):
    name = "tapswitch-netdev"
    about = "tapswitchd with netdev ports on veth pairs"

    def start(self):
        self.inside = self.lab.namespace("netdev")
        self.bridge = self.lab.unique_name()
        ports = [f"netdev:{_connect_by_veth(self.inside, host)}" for host in self.hosts]
        self.daemon = self.lab.process(*self.inside.exec(
            str(self.build / "switch" / "tapswitchd"), f"--name={self.bridge}", *self.flags, *ports))
        self.daemon.wait_for_line("ready")


class Bridge(Peer):
    name = "bridge"
    about = "Linux bridge with veth pairs, br_netfilter switched off for it"

    @classmethod
    def missing(cls, build):
        return None if shutil.which("ip") else "`ip` is not there: apt install iproute2"

    def start(self):
        inside = self.lab.namespace("bridge")
        inside.inside("ip", "link", "add", "br0", "type", "bridge")
        # br_netfilter hands each frame to iptables where these are set, which costs the bridge
        # some 6 % and is no part of bridging. They belong to the namespace.
        for path in pathlib.Path("/proc/sys/net/bridge").glob("bridge-nf-call-*"):
            inside.inside("sh", "-c", f"echo 0 >{path}")
        inside.inside("ip", "link", "set", "br0", "up")
        for host in self.hosts:
            inside.inside("ip", "link", "set", _connect_by_veth(inside, host), "master", "br0")


PEERS = (Relay, Tapswitch, TapswitchEpoll, TapswitchNetdev, Bridge)
