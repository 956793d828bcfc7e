"""Processes of a lab: each is recorded before it becomes what it is to be."""

import contextlib
import errno
import os
import pathlib
import signal
import time

from tapswitch_lab import namespaces

KILL_SECONDS = 30  # a process with many ports needs some time to close them


def start_time(pid):
    """The start time of a process, in clock ticks since boot; None if it ended, or is a zombie."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(") ")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def recorded_pid(path):
    """The pid in the record at `path` if that process runs, and is no other with the same pid."""
    try:
        pid, started = map(int, pathlib.Path(path).read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return pid if start_time(pid) == started else None


def is_switch(pid):
    """Whether the process is a tapswitchd, or a helper of one."""
    try:
        return os.readlink(f"/proc/{pid}/exe").rpartition("/")[2].startswith("tapswitchd")
    except OSError:
        return False


def spawn(record, command, log, namespace=None, environment=None, files=(), umask=None):
    """Starts a command in the background, by itself in a session; it outlives this process.

    `files` are (number, path): what it finds open for reading and writing. `umask` is of the files
    that it makes.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(record, command, log, namespace, environment, files, umask)
    except BaseException as error:  # the child must not go on as its parent
        with contextlib.suppress(OSError):
            os.write(2, f"{command[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _become(record, command, log, namespace, environment, files, umask):
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    me = os.getpid()
    pathlib.Path(record).write_text(f"{me} {start_time(me)}\n", encoding="ascii")
    if namespace:
        namespaces.become_inhabitant(namespace)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open("/dev/null", os.O_RDONLY)
    for number, descriptor in ((0, nothing), (1, output), (2, output)):
        os.dup2(descriptor, number)
    if umask is not None:
        os.umask(umask)
    for number, path in files:
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
    os.execvpe(command[0], command, {**os.environ, **(environment or {})})


def exit_status(pid):
    """The status of a child that has ended, or None while it runs."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None if start_time(pid) is not None else 0
    return os.waitstatus_to_exitcode(status) if ended else None


def wait_until(condition, timeout, pause=0.005):
    """Whether the condition holds within that time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return True


def send(pid, number):
    """Sends a signal; a process that has ended is no error."""
    try:
        os.kill(pid, number)
    except OSError as error:
        if error.errno != errno.ESRCH:
            raise


def stop_all(pids, timeout):
    """Ends processes by SIGTERM, and those that still run after that time by SIGKILL.

    Returns the pids that had to be killed.
    """
    running = {pid: start_time(pid) for pid in pids}

    def left():
        for pid in list(running):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if start_time(pid) != running[pid] or running[pid] is None:
                del running[pid]
        return not running

    left()
    for pid in running:
        send(pid, signal.SIGTERM)
    if wait_until(left, timeout):
        return []
    killed = list(running)
    for pid in killed:
        send(pid, signal.SIGKILL)
    wait_until(left, KILL_SECONDS)
    return killed
