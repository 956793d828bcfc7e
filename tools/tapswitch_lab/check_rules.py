"""What has to hold of a lab's checks beyond the schema, so that each of them can be carried out."""

import re

from tapswitch_lab.errors import LabError
from tapswitch_lab.lookup import hosts_of, is_address, link_of
from tapswitch_lab.model import HOSTS
from tapswitch_lab.schema import did_you_mean

CHECKS = ("ping", "groups", "cut", "run", "tcp")
SINGLE = ("cut", "run", "tcp")  # their words mean one node each
COMMANDED = {"ping": ("from",), "cut": ("from",), "run": ("node",), "tcp": ("from", "to")}
IN_BACKGROUND = (("cut", "from"), ("tcp", "to"))  # what runs there is ended by the check


def check(lab, given, path, complain):
    """Calls complain(path, text) for each fault of a check."""
    kinds = [kind for kind in CHECKS if kind in given]
    if len(kinds) != 1:
        complain(path, f"a check is one of {', '.join(CHECKS)}")
        return
    kind, values = kinds[0], given[kinds[0]]
    path = (*path, kind)
    if kind == "groups":
        for index, members in enumerate(values["members"]):
            _check_hosts(lab, members, (*path, "members", index), complain)
            _check_commanded(lab, members, (*path, "members", index), complain)
        return
    for key in ("from", "node", "to"):
        if key in values:
            _check_nodes(lab, kind, key, values[key], (*path, key), complain)
    _check_others(lab, values, path, complain)


def _check_nodes(lab, kind, key, words, path, complain):
    if kind in SINGLE:
        if not _is_single(lab, words, path, complain):
            return
        node = lab.nodes[words]
        if key == "to":
            _check_has_address(node, path, complain)
        if (kind, key) in IN_BACKGROUND and node.kind == "vm":
            complain(path, f"'{words}' is a vm, in which nothing runs beside the check: take a "
                           f"namespace as '{key}'")
    if kind != "run":
        _check_hosts(lab, words, path, complain, key == "to" and kind == "ping")
    if key in COMMANDED[kind]:
        _check_commanded(lab, words, path, complain)


def _is_single(lab, word, path, complain):
    """Whether it is one node, as it has to be here."""
    if word in lab.nodes:
        return True
    if is_address(word):
        complain(path, f"'{word}' is an address: say the node that has it")
    elif word == "all" or len(word.replace(",", " ").split()) != 1:
        complain(path, f"'{word}' is not one node: write a check for each")
    else:
        complain(path, f"there is no node '{word}': {did_you_mean(word, lab.nodes)}")
    return False


def _check_has_address(node, path, complain):
    dynamic = any(end.dhcp or end.slaac for end in node.interfaces.values())
    if node.kind in HOSTS and not node.addresses and not dynamic:
        complain(path, f"'{node.name}' has no address: give it one in 'addresses'")


def _check_hosts(lab, words, path, complain, addresses=False):
    for name in hosts_of(lab, words):
        if addresses and is_address(name):
            continue
        if name not in lab.nodes:
            complain(path, f"there is no node '{name}': {did_you_mean(name, lab.nodes)}")
        elif lab.nodes[name].kind not in HOSTS:
            complain(path, f"'{name}' is a {lab.nodes[name].kind}: a check needs hosts")


def _check_commanded(lab, words, path, complain):
    for name in hosts_of(lab, words):
        if name in lab.nodes and lab.nodes[name].takes_no_commands:
            complain(path, f"'{name}' has QEMU options of its own, so nobody in it takes commands: "
                           "name other nodes")


def _check_others(lab, values, path, complain):
    if "link" in values:
        try:
            link_of(lab, values["link"])
        except LabError as error:
            complain((*path, "link"), str(error))
    if "match" in values:
        try:
            re.compile(values["match"])
        except re.error as error:
            complain((*path, "match"), f"no regular expression: {error}")
