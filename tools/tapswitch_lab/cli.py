"""The command line of tapswitch-lab."""

import json
import os
import sys

from tapswitch_lab import classic
from tapswitch_lab.errors import FileError, LabError, Problems
from tapswitch_lab.schema import did_you_mean

USAGE = """\
usage: tapswitch-lab COMMAND [--name LAB] ...

  up -f FILE [--name LAB]         makes the lab of a file
  up N [--vms M] [--ports auto|veth|tap] [FLAG...]
                                  makes hosts h1 to hN, and virtual machines vm1 to vmM, on one
                                  switch; FLAGs are passed to tapswitchd
  down [--name LAB | --all]       removes all that up made; nothing to do is no error
  status [-j]                     switches, nodes and links, and what they carried
  exec NODE COMMAND...            runs a command in a node, and ends with its exit status
  console NODE                    the serial console of a virtual machine, with a shell; Ctrl-]
                                  detaches. In other nodes a shell
  test [--junit FILE]             carries out the file's checks; status 1 if one fails
  link show | set A:B up|down|flap [period 2s] [count N]|impair WORDS...
                                  a link is A:B, NODE:INTERFACE, or its name; impair none, or
                                  impair [to NODE] delay 20ms loss 1% ...
  capture LINK [-w FILE] [-c COUNT] [-s BYTES] [filter EXPRESSION]
                                  what passes a link, as pcapng, or to Wireshark; so many frames,
                                  so many bytes of each
  graph [-f FILE] [-o FILE]       a picture of the lab: SVG, or DOT if FILE ends in .dot
  save                            the lab that is running, as a file for up -f
  diff -f FILE                    how the running lab differs from a file
  check -f FILE                   says what is wrong with a file; makes nothing
  help                            this text

A lab's name is needed where several are up. The file's format: tapswitch-lab(1). All but help,
check and graph -f need root.
"""


def say(text):
    """A line about what was done."""
    print(f"lab: {text}", flush=True)


def warn(text):
    """A line about what may not be as somebody expects."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


class Words:
    """The words behind a command, from which options are taken."""

    def __init__(self, words):
        self.words = list(words)

    def flag(self, *names):
        """Whether one of these words is there; it is taken out."""
        found = [word for word in self.words if word in names]
        self.words = [word for word in self.words if word not in names]
        return bool(found)

    def option(self, *names):
        """The value behind one of these words, or None; both are taken out."""
        for index, word in enumerate(self.words):
            name, equals, value = word.partition("=")
            if name in names and equals:
                del self.words[index]
                return value
            if word in names:
                if index + 1 == len(self.words):
                    raise LabError(f"{word} needs a value")
                value = self.words[index + 1]
                del self.words[index:index + 2]
                return value
        return None

    def take(self, what):
        """The next word."""
        if not self.words:
            raise LabError(f"say {what}")
        return self.words.pop(0)

    def end(self):
        """Raises LabError if words are left."""
        if self.words:
            raise LabError(f"'{self.words[0]}' is one word too many; see tapswitch-lab help")


def load_file(path, name):
    """The values of a lab's file, its document, and its lab's model."""
    from tapswitch_lab import containerlab, document, native
    loaded = document.load(path)
    values, warnings = loaded.values, []
    try:
        if containerlab.is_containerlab(values):
            values, warnings = containerlab.translate(values)
        lab = native.build(values, name, document.default_name(path))
    except Problems as problems:
        raise FileError(loaded.explain(problems)) from None
    return values, loaded, lab, warnings


def command_up(words):
    path, name = words.option("-f", "--file"), words.option("--name")
    from tapswitch_lab import state, up
    if path is None:
        return _classic_up(words, name)
    words.end()
    values, loaded, lab, warnings = load_file(path, name)
    for text in warnings:
        warn(text)
    plan = {"values": values, "file": os.path.abspath(path)}
    try:
        up.up(state.State(lab.name), plan, say, warn)
    except Problems as problems:
        raise FileError(loaded.explain(problems)) from None
    return 0


def _classic_up(words, name):
    from tapswitch_lab import state, up
    vms, ports = words.option("--vms"), words.option("--ports")
    count = classic.parse_count(words.words.pop(0) if words.words else "")
    arguments = {"count": count, "vms": classic.parse_vms("0" if vms is None else vms),
                 "ports": classic.parse_ports("auto" if ports is None else ports),
                 "flags": words.words}
    if name not in (None, classic.NAME):
        raise LabError("up N makes the lab 'lab'; for one of another name write a file: up -f FILE")
    there = state.State(classic.NAME)
    choices = [arguments["ports"]] if arguments["ports"] != "auto" else ["veth", "tap"]
    for ports in choices:
        quiet = ports != choices[-1]
        plan = {"classic": {**arguments, "ports": ports}, "file": ""}
        up.up(there, plan, (lambda _: None) if quiet else say, warn)
        if quiet and not up.is_slow(there):
            say(up.summary(there.lab(), there))
            break
        if quiet:
            from tapswitch_lab import down
            down.down(there, warn)
    return 0


def command_down(words):
    from tapswitch_lab import down, preflight, state
    every, name = words.flag("--all"), words.option("--name")
    words.end()
    preflight.require_root()
    name = name or os.environ.get("TAPSWITCH_LAB")
    there = state.names()
    if name:
        chosen = [name]
    elif every or len(there) <= 1:
        chosen = there
    else:
        raise LabError(f"several labs are up; say --all, or --name with one of {', '.join(there)}")
    for each in chosen:
        down.down(state.State(each), warn)
    return 0


def command_status(words):
    from tapswitch_lab import preflight, state, status
    as_json, name = words.flag("-j", "--json"), words.option("--name")
    words.end()
    preflight.require_root()
    named = name or os.environ.get("TAPSWITCH_LAB")
    there = [named] if named else [each for each in state.names() if state.State(each).exists]
    if not there and not as_json:
        state.choose(None)
    found = [status.describe(state.State(each).read()) for each in there]
    if as_json:
        print(json.dumps(found))
        return 0
    for each in found:
        print(status.render(each), end="")
    return 0 if all(entry["running"] for each in found for entry in each["switches"]) else 1


def command_exec(words):
    from tapswitch_lab import access, preflight, state
    # Behind the node all words are the command's.
    is_named = words.words[:1] and words.words[0].startswith("--name")
    name = words.option("--name") if is_named else None
    if len(words.words) < 2:
        raise LabError("say where and what: tapswitch-lab exec h1 ping 10.83.0.2")
    preflight.require_root()
    chosen, node = access.find_node(words.words[0], name, state)
    return access.execute(chosen, node, words.words[1:])


def command_console(words):
    from tapswitch_lab import access, preflight, state
    name = words.option("--name")
    node = words.take("which node: tapswitch-lab console vm1")
    words.end()
    preflight.require_root()
    return access.console(node, name, state)


def command_test(words):
    from tapswitch_lab import checks, preflight, state
    name, junit = words.option("--name"), words.option("--junit")
    words.end()
    preflight.require_root()
    return checks.test(state.choose(name), junit)


def command_link(words):
    from tapswitch_lab import links, lookup, preflight, state, status
    name = words.option("--name")
    verb = words.take("show or set: tapswitch-lab link set sw1:sw2 down")
    preflight.require_root()
    chosen = state.choose(name)
    lab = chosen.lab()
    if verb == "show":
        print(status.render_links(status.describe(chosen)), end="")
        return 0
    if verb != "set":
        raise LabError(f"'{verb}' is no command here; there are show and set")
    link = lookup.link_of(lab, words.take("which link, as sw1:sw2"))
    action = words.take("up, down, flap, or impair and what: impair delay 20ms loss 1%")
    if action in ("up", "down"):
        words.end()
        links.change_state(chosen, link, action == "up")
    elif action == "flap":
        links.flap(chosen, link, words.words)
    elif action == "impair":
        links.impair_now(chosen, link, words.words)
    else:
        raise LabError(f"'{action}' is nothing for a link; there are up, down, flap and "
                       "impair")
    return 0


def command_capture(words):
    from tapswitch_lab import access, preflight, state
    name, file = words.option("--name"), words.option("-w")
    link = words.take("which link: tapswitch-lab capture sw1:sw2 -w FILE")
    preflight.require_root()
    return access.capture(state.choose(name), link, file, words.words)


def command_graph(words):
    from tapswitch_lab.graph import draw
    path, name = words.option("-f", "--file"), words.option("--name")
    output = words.option("-o", "--output")
    is_dot = words.flag("--dot") or bool(output and output.endswith((".dot", ".gv")))
    words.end()
    if path:
        lab = load_file(path, name)[2]
    else:
        from tapswitch_lab import preflight, save, state
        preflight.require_root()
        lab = save.shown(state.choose(name))
    text = draw.dot(lab) if is_dot else draw.svg(lab)
    if output in (None, "-"):
        sys.stdout.write(text)
    else:
        write_file(output, text)
    return 0


def write_file(path, text):
    """Writes a file that the user named."""
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None


def command_save(words):
    from tapswitch_lab import preflight, save, state
    name = words.option("--name")
    words.end()
    preflight.require_root()
    sys.stdout.write(save.text(save.running(state.choose(name))))
    return 0


def command_diff(words):
    from tapswitch_lab import preflight, save, state
    path, name = words.option("-f", "--file"), words.option("--name")
    words.end()
    if path is None:
        raise LabError("say which file: tapswitch-lab diff -f FILE")
    preflight.require_root()
    values, _, lab, _ = load_file(path, name)
    chosen = state.State(lab.name)
    chosen = chosen.read() if chosen.exists else state.choose(name)
    difference = save.difference(path, values, chosen)
    sys.stdout.write(difference)
    return 1 if difference else 0


def command_check(words):
    path, name = words.option("-f", "--file"), words.option("--name")
    words.end()
    if path is None:
        raise LabError("say which file: tapswitch-lab check -f FILE")
    for text in load_file(path, name)[3]:
        warn(text)
    return 0


def command_help(_):
    print(USAGE, end="")
    return 0


def command___complete(words):
    from tapswitch_lab import completion
    print("\n".join(completion.candidates(words.words)))
    return 0


def main(arguments):
    """Carries out a command line; returns the exit status."""
    command = arguments[0] if arguments else ""
    if command in ("-h", "--help") or arguments[1:2] in (["-h"], ["--help"]):
        command = "help"
    function = globals().get(f"command_{command}")
    try:
        if not command:
            raise LabError("say what to do: tapswitch-lab up 3, up -f FILE, status, ...; see "
                           "tapswitch-lab help")
        if function is None or command.startswith("command"):
            known = [name.removeprefix("command_") for name in globals()
                     if name.startswith("command_") and "__" not in name]
            raise LabError(f"'{command}' is not a command; {did_you_mean(command, known)}")
        return function(Words(arguments[1:]))
    except FileError as error:
        print(error, file=sys.stderr)
        return 1
    except LabError as error:
        warn(str(error))
        return 1
    except Problems as problems:
        for text in dict.fromkeys(text for _, text in problems.found):
            warn(text)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as error:
        warn(str(error.args[-1] if error.filename is None else error))
        return 1
    except KeyboardInterrupt:
        return 130
