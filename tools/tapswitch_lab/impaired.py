"""Impairments as tapctl saves them, and what of them a link's words in a file can say."""

import re

DIRECTIONS = ("ingress", "egress")


def default_seed(port, direction):
    """The seed that the switch takes where none is given: a hash (FNV-1a) of these two."""
    number = 2166136261 ^ DIRECTIONS.index(direction)
    for byte in port.encode():
        number = (number ^ byte) * 16777619 % 2**32
    return number


def place_of(line):
    """(port, direction) of a line 'impair set' or 'impair schedule'; None for other lines."""
    words = line.split()
    if words[:1] != ["impair"] or words[1:3] not in (["set", "dev"], ["schedule", "dev"]):
        return None
    return words[3], words[4] if words[4:5] and words[4] in DIRECTIONS else "egress"


def without_default_seed(line):
    """The line as a user may have written it: tapctl saves the seed also where nobody gave one."""
    place = place_of(line)
    return line if place is None else re.sub(rf" seed {default_seed(*place)}\b", "", line)


def is_setting(line):
    """Whether the line impairs a port now, not by a schedule."""
    return line.startswith("impair set ")


def now(lines):
    """{port: {direction: words}} of those saved lines that impair a port."""
    found = {}
    for line in filter(is_setting, lines):
        port, direction = place_of(line)
        words = without_default_seed(line).split()[4:]
        if words[:1] == [direction]:
            del words[0]
        found.setdefault(port, {})[direction] = " ".join(words)
    return found


def lift(link, impaired):
    """(words of the link, {end: words}, what these mean as (node, port, direction)).

    A file has words for both directions of the link's first switch, and for what an end sends.
    What a second switch does to frames that it receives has none: it stays a setting of the switch.
    """
    sent, taken = {}, set()

    def take(port, direction):
        taken.add((port.node.name, port.name, direction))

    for port in link.switch_ends:
        found = impaired.get(port.node.name, {}).get(port.name, {})
        is_first = port is link.switch_ends[0]
        if is_first and len(found) == 2 and len(set(found.values())) == 1:
            take(port, "ingress")
            take(port, "egress")
            sent[link] = found["egress"]
            continue
        if "egress" in found:
            take(port, "egress")
            sent[port] = found["egress"]
        if "ingress" in found and port.peer.node.kind != "switch":
            take(port, "ingress")
            sent[port.peer] = found["ingress"]
    return sent.pop(link, ""), sent, taken
