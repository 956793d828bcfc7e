"""What virtual machines see of their links: QEMU is told whether a card has a carrier.

The switch tells it where a link has one, so that `tapctl link carrier` and its flaps are seen, too.
A link between machines, or to a host, is told of here.
"""

import os
import pathlib
import re

from tapswitch_lab import processes, qmp, sockets, switches
from tapswitch_lab.errors import LabError

START_SECONDS = 30


def card_of(end):
    """What QEMU calls the back end of a machine's card."""
    return f"net{list(end.node.interfaces.values()).index(end)}"


def _words(state, port, is_on):
    """Those by which a switch hears of a carrier, and of the guest at its port."""
    guest = port.peer
    return ["link", "carrier", "dev", port.name, "on" if is_on else "off",
            "qmp", str(sockets.qmp_of(guest.node, state)), "id", card_of(guest)]


def introduce(state, node, pid):
    """Tells switches of the machine at their ports, once its socket is there."""
    path = sockets.qmp_of(node, state)
    processes.wait_until(lambda: path.exists() or processes.exit_status(pid) is not None,
                         START_SECONDS)
    if not path.exists():
        raise LabError(f"{node.name}: QEMU does not start: "
                       f"{switches.last_words(state.folder / node.log)}")
    for end in node.interfaces.values():
        if end.peer.node.kind == "switch":
            os.chown(path, _user_of(state, end.peer.node), -1)
        _tell(state, end, end.link.state == "up")


def _user_of(state, node):
    """The user that a switch has become."""
    pid = processes.recorded_pid(state.folder / node.record)
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8") if pid else ""
    found = re.search(r"^Uid:\s+\d+\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def tell(state, link, is_on):
    """Has the machines at the ends of a link see a carrier, or none."""
    for end in link.ends:
        # One that has not started yet hears of it when it is introduced.
        if end.node.kind == "vm" and sockets.qmp_of(end.node, state).exists():
            _tell(state, end, is_on)


def _tell(state, end, is_on):
    if end.peer.node.kind == "switch":
        switches.tapctl(state, end.peer.node, *_words(state, end.peer, is_on))
    else:
        qmp.set_link(sockets.qmp_of(end.node, state), card_of(end), is_on)
