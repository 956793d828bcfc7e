"""A port that its switch does not have while its link is down: what was set for it is kept."""

from tapswitch_lab import switches


def _file(state, end):
    return state.folder / f"{end.node.name}-{end.name}.port"


def lines(state, end):
    """What is kept of the port, as commands of tapctl; nothing if it is there."""
    try:
        return _file(state, end).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def take_away(state, end):
    """Removes the port from its switch, and keeps what the switch forgets by that."""
    before = switches.saved(state, end.node)
    _keep(state, end, before)  # rather too much than nothing, if somebody ends this now
    switches.tapctl(state, end.node, "port", "del", end.name)
    _keep(state, end, gone(before, switches.saved(state, end.node), end.name))


def _keep(state, end, kept):
    _file(state, end).write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def put_back(state, end):
    """Adds the port to its switch again, with all that was kept of it."""
    kept = lines(state, end) or _first_lines(end)
    now = switches.saved(state, end.node)
    there = {_mirror_of(line) for line in now}
    text = ""
    for line in kept:
        if _mirror_of(line) and _mirror_of(line) in there:
            text += f"mirror del {_mirror_of(line)}\n"  # it lacks the port, and cannot be changed
        text += f"{_as_addition(line, now)}\n"
    switches.tapctl(state, end.node, "batch", "-", text=text)
    _file(state, end).unlink(missing_ok=True)


def _first_lines(end):
    """Those of the startup file, for a port that somebody else has removed."""
    marks = (f"port add {switches.port_of(end)}", f"impair set dev {end.name} ")
    return [line for line, _ in switches.startup_lines(end.node) if line.startswith(marks)]


def gone(before, after, port):
    """Of the lines that were saved before the port went, those that are not saved any more.

    Whatever kind of command they are: neighbours and mirrors go with a port, too. Of addresses
    only the port's own lines count, for those of other ports are worded anew.
    """
    there = set(after)
    return [line for line in before if line not in there
            and (not line.startswith("fdb ") or f" dev {port} " in f"{line} ")]


def merged(now, kept):
    """The lines of a switch as if the port were there."""
    again = {_mirror_of(line) for line in kept} - {""}
    rest = [line for line in now if _mirror_of(line) not in again]
    return rest + [_as_addition(line, rest) for line in kept]


def _mirror_of(line):
    """The name of the mirror that the line adds, or nothing."""
    words = line.split()
    return words[2] if words[:2] == ["mirror", "add"] else ""


def _address_of(line):
    """The MAC address and the VLAN of an entry."""
    words = line.split()
    vlan = words[words.index("vlan") + 1] if "vlan" in words else ""
    return (words[2], vlan) if words[0] == "fdb" else None


def _as_addition(line, now):
    """An address that other ports have, too, is added to theirs."""
    if not line.startswith("fdb "):
        return line
    is_shared = any(_address_of(other) == _address_of(line) for other in now if other)
    return " ".join(["fdb", "append" if is_shared else "replace", *line.split()[2:]])
