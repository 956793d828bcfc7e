"""Where the programs of tapswitch are, and whether others are there."""

import os
import pathlib
import shutil
import subprocess

from tapswitch_lab.errors import LabError

# What tools/guest needs, beside QEMU.
GUEST_PROGRAMS = (("busybox", "busybox-static"), ("iperf3", "iperf3"), ("ethtool", "ethtool"),
                  ("socat", "socat"), ("modprobe", "kmod"))
TREE = pathlib.Path(__file__).resolve().parents[2]  # of the sources, if it is not installed


def _is_program(path):
    return path.is_file() and os.access(path, os.X_OK)


def find_tapswitchd():
    """The switch: $TAPSWITCHD, the newest build of the source tree, or the one in PATH."""
    named = os.environ.get("TAPSWITCHD")
    if named:
        if not _is_program(pathlib.Path(named)):
            raise LabError(f"TAPSWITCHD={named} is not a program; name a tapswitchd")
        return str(pathlib.Path(named).resolve())
    built = [TREE / "build" / preset / "switch/tapswitchd" for preset in ("release", "dev")]
    built = [path for path in built if _is_program(path)]
    if built:
        return str(max(built, key=lambda path: path.stat().st_mtime))
    path = shutil.which("tapswitchd") or shutil.which("tapswitchd", path="/usr/sbin")
    if not path:
        raise LabError("no tapswitchd found; build it (cmake --preset release && "
                       "cmake --build --preset release), or set TAPSWITCHD")
    return str(pathlib.Path(path).resolve())


def find_tapctl(tapswitchd):
    """The tapctl that belongs to that switch: $TAPCTL, the one of its build, or the one in PATH."""
    named = os.environ.get("TAPCTL")
    folder = pathlib.Path(tapswitchd).parent
    for path in (pathlib.Path(named) if named else None, folder.parent / "tools/tapctl/tapctl",
                 folder.parent / "bin/tapctl"):
        if path and _is_program(path):
            return str(path)
    return shutil.which("tapctl") or "tapctl"


def find_guest():
    """The program that makes small virtual machines: it is where this package is."""
    path = pathlib.Path(__file__).resolve().parents[1] / "guest"
    if not _is_program(path):
        raise LabError(f"virtual machines without 'qemu' need {path}, which is missing: install "
                       "tapswitch anew")
    return str(path)


def require_guest():
    """Raises LabError unless all is there that small virtual machines are made with."""
    find_guest()
    for program, package in GUEST_PROGRAMS:
        require(program, package)


def require(program, package):
    """The path of a program, or a sentence on how to get it."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not path:
        raise LabError(f"{program} is missing: apt-get install {package}")
    return path


def dhcp_client():
    """The command of a DHCP client that is there, without its interface."""
    busybox = shutil.which("busybox")
    if busybox and b"udhcpc" in subprocess.run([busybox, "--list"], stdout=subprocess.PIPE,
                                               check=False).stdout.split():
        return [busybox, "udhcpc"]
    udhcpc = shutil.which("udhcpc")
    if udhcpc:
        return [udhcpc]
    raise LabError("no DHCP client is there: apt-get install busybox, or udhcpc")
