"""Network namespaces as those of ip-netns(8): made, entered and deleted without its processes."""

import contextlib
import ctypes
import errno
import os
import pathlib

from tapswitch_lab.errors import LabError
from tapswitch_lab.netlink import IFF_UP, Netlink

FOLDER = pathlib.Path("/run/netns")
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_BIND, MS_REC, MS_SLAVE, MS_SHARED, MNT_DETACH = 4096, 16384, 1 << 19, 1 << 20, 2
LOOPBACK = 1  # its index, in every namespace

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def mount(source, target, kind, flags):
    """mount(2)."""
    _call("mount", source.encode(), str(target).encode(), kind.encode(), ctypes.c_ulong(flags),
          None)


def prepare_folder():
    """Makes the folder of names, shared with other mount namespaces, as ip-netns(8) does."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        mount("", FOLDER, "none", MS_SHARED | MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        mount(str(FOLDER), FOLDER, "none", MS_BIND | MS_REC)
        mount("", FOLDER, "none", MS_SHARED | MS_REC)


@contextlib.contextmanager
def staying_home():
    """Comes back to the present network namespace in the end."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _call("setns", home, CLONE_NEWNET)
        os.close(home)


def path_of(name):
    """The file that a name of ip-netns(8), or a path, means."""
    return pathlib.Path(name) if "/" in name else FOLDER / name


def exists(name):
    """Whether there is something of that name, be it a namespace or not."""
    return os.path.lexists(FOLDER / name)


@contextlib.contextmanager
def inside(name):
    """The caller is in that namespace for a while."""
    with staying_home():
        descriptor = os.open(path_of(name), os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("setns", descriptor, CLONE_NEWNET)
        finally:
            os.close(descriptor)
        yield


def make(name, mark, sysctls):
    """Makes a namespace whose loopback has the alias `mark`; the name appears last.

    Sysctls are (key below /proc/sys/net, value).
    """
    with staying_home():
        _call("unshare", CLONE_NEWNET)
        with Netlink() as netlink:
            netlink.set_link(LOOPBACK, IFF_UP, alias=mark)
        for key, value in sysctls:
            pathlib.Path("/proc/sys/net", key).write_text(value, encoding="ascii")
        path = FOLDER / name
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, 0o444))
        try:
            mount("/proc/self/ns/net", path, "none", MS_BIND)
        except OSError:
            path.unlink()
            raise


def is_namespace(path):
    """Whether the file is a namespace, and not the empty file of an interrupted attempt."""
    return os.stat(path).st_dev == os.stat("/proc/self/ns/net").st_dev


def is_marked(name, mark):
    """Whether the namespace was made with that mark; an interrupted attempt counts as one."""
    path = FOLDER / name
    if not path.exists():
        return False
    if not is_namespace(path):
        return True
    with inside(name), Netlink() as netlink:
        return netlink.links()["lo"]["alias"] == mark


def delete(name):
    """Deletes the name; the namespace ends with the last process in it."""
    path = FOLDER / name
    _libc.umount2(str(path).encode(), MNT_DETACH)
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise LabError(f"namespace {name} cannot be removed: {error.strerror}; try: "
                       f"ip netns delete {name}") from None


def processes_in(names):
    """The processes in any of these namespaces, as (pid, name of the namespace)."""
    known = {}
    for name in names:
        with contextlib.suppress(OSError):
            known[os.stat(FOLDER / name).st_ino] = name
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                inode = os.stat(f"/proc/{entry}/ns/net").st_ino
                if inode in known:
                    found.append((int(entry), known[inode]))
    return found


def become_inhabitant(name):
    """Moves this process into the namespace for good, with a /sys that shows it."""
    descriptor = os.open(path_of(name), os.O_RDONLY | os.O_CLOEXEC)
    _call("setns", descriptor, CLONE_NEWNET)
    os.close(descriptor)
    _call("unshare", CLONE_NEWNS)
    mount("", "/", "none", MS_SLAVE | MS_REC)
    with contextlib.suppress(OSError):
        mount("sysfs", "/sys", "sysfs", 0)
