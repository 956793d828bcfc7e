"""A word to QEMU by its QMP socket."""

import json
import socket

from tapswitch_lab.errors import LabError

PATIENCE_SECONDS = 10  # it serves one client at a time


def set_link(path, card, is_on):
    """Has the guest see a carrier at the card, or none. Raises LabError if QEMU does not do it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(str(path))
            with connection.makefile("rw", encoding="utf-8") as stream:
                _read(stream, "QMP")
                _execute(stream, {"execute": "qmp_capabilities"})
                _execute(stream, {"execute": "set_link", "arguments": {"name": card, "up": is_on}})
    except (OSError, ValueError) as error:
        raise LabError(f"{path}: QEMU does not take commands: {error}") from None


def _execute(stream, command):
    stream.write(json.dumps(command) + "\n")
    stream.flush()
    _read(stream, "return")


def _read(stream, awaited):
    """Passes over events, to the message that is awaited."""
    for line in stream:
        message = json.loads(line)
        if awaited in message:
            return
        if "error" in message:
            raise ValueError(message["error"].get("desc", "an error without words"))
    raise ValueError("it closed the connection")
