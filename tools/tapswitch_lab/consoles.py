"""The serial consoles of virtual machines."""

import contextlib
import os
import select
import socket
import sys
import termios
import tty

from tapswitch_lab import sockets
from tapswitch_lab.errors import LabError

DETACH = b"\x1d"  # Ctrl-]
LAST_WORDS_SECONDS = 0.5  # how long to wait for more, when there is no more input


def options(node, state, given):
    """QEMU's options for a console of a machine that was given these; nothing if it has its own."""
    if not node.qemu or "-serial" in given:
        return []
    return ["-chardev", f"socket,id=lab_console,path={sockets.console_of(node, state)},server=on,"
            "wait=off",
            "-serial", "chardev:lab_console"]


def attach(node, state):
    """Passes bytes between a console and this terminal, or other input, until either ends."""
    path = sockets.console_of(node, state)
    if not path.exists():
        raise LabError(f"{node.name} has no console here: its 'qemu' has a -serial of its own")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as console:
        console.connect(str(path))
        print(f"lab: console of {node.name}; press Enter for a prompt, Ctrl-] to detach",
              file=sys.stderr, flush=True)
        with _raw(sys.stdin.fileno()):
            _pass(console, sys.stdin.fileno(), sys.stdout.fileno())
    return 0


@contextlib.contextmanager
def _raw(terminal):
    """A terminal passes each key on; the console echoes it."""
    if not os.isatty(terminal):
        yield
        return
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        print(file=sys.stderr)


def _pass(console, source, target):
    is_terminal, inputs = os.isatty(source), [console, source]
    while ready := select.select(inputs, [], [],
                                 None if source in inputs else LAST_WORDS_SECONDS)[0]:
        if console in ready:
            data = console.recv(65536)
            if not data:
                return
            _write(target, data)
        if source in ready:
            data = os.read(source, 65536)
            if not data:
                inputs.remove(source)
            typed, found, _ = data.partition(DETACH) if is_terminal else (data, b"", b"")
            console.sendall(typed)
            if found:
                return


def _write(target, data):
    while data:
        data = data[os.write(target, data):]
