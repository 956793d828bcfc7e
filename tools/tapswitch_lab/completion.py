"""What shells offer behind a tab. The shell itself completes ':files:'."""

import contextlib

from tapswitch_lab.errors import LabError, Problems

COMMANDS = ("up", "down", "status", "exec", "console", "test", "link", "capture", "graph", "save",
            "diff", "check", "help")
OPTIONS = {
    "up": ("-f", "--name", "--vms", "--ports"), "down": ("--name", "--all"),
    "status": ("-j", "--name"), "exec": ("--name",), "console": ("--name",),
    "test": ("--junit", "--name"), "link": ("--name",), "capture": ("-w", "-c", "-s", "--name"),
    "graph": ("-f", "-o", "--dot", "--name"), "save": ("--name",), "diff": ("-f", "--name"),
    "check": ("-f",),
}
TAKE_FILES = ("-f", "--file", "-o", "--output", "-w", "--junit")


def _lab(words):
    from tapswitch_lab import state
    name = None
    if "--name" in words[:-1]:
        name = words[words.index("--name") + 1]
    return state.choose(name).lab()


def _of_running(words, what):
    """Names of the running lab, or nothing."""
    with contextlib.suppress(LabError, Problems, OSError):
        lab = _lab(words)
        if what == "nodes":
            return list(lab.nodes)
        return [f"{link.a.node.name}:{link.b.node.name}" for link in lab.links]
    return []


def _labs():
    from tapswitch_lab import state
    return state.names()


def _candidates(words):
    if len(words) < 2:
        return COMMANDS
    command, before = words[0], words[-2]
    if before in TAKE_FILES:
        return (":files:",)
    if before == "--name":
        return _labs()
    if before == "--ports":
        return ("auto", "veth", "tap")
    place = len([word for word in words[1:] if not word.startswith("-")])
    options = OPTIONS.get(command, ())
    if command == "exec":
        return (*_of_running(words, "nodes"), *options) if len(words) == 2 else (":files:",)
    if command == "console":
        return (*_of_running(words, "nodes"), *options)
    if command == "capture":
        return (*_of_running(words, "links"), *options)
    if command == "link":
        return _of_link(words, place)
    return options


def _of_link(words, place):
    if place <= 1:
        return ("set", "show")
    if words[1] != "set":
        return ()
    if place == 2:
        return _of_running(words, "links")
    if place == 3:
        return ("up", "down", "flap", "impair")
    if words[3] == "flap":
        return ("period", "count")
    return ("delay", "jitter", "loss", "rate", "duplicate", "reorder", "corrupt")


def candidates(words):
    """The words that may stand where the last of `words` is begun."""
    words = words or [""]
    found = list(_candidates(words))
    if found == [":files:"]:
        return found
    return [word for word in found if word.startswith(words[-1])]
