"""Finds nodes and links by the names that users type."""

import ipaddress

from tapswitch_lab.errors import LabError
from tapswitch_lab.schema import did_you_mean


def node_of(lab, name):
    """The node of that name."""
    if name not in lab.nodes:
        raise LabError(f"no node '{name}' in {lab.name}; {did_you_mean(name, lab.nodes)}")
    return lab.nodes[name]


def links_between(lab, text):
    """All links that `text` may mean: a name, NODE:INTERFACE, NODE:NODE or a node with one link."""
    named = [link for link in lab.links if text in (link.name, str(link))]
    if named:
        return named
    first, _, second = text.partition(":")
    found = []
    for link in lab.links:
        for end in link.ends:
            if text == str(end) or (end.node.name == first and not second):
                return_link = link
            elif end.node.name == first and end.peer.node.name == second:
                return_link = link
            else:
                continue
            if return_link not in found:
                found.append(return_link)
    return found


def link_of(lab, text):
    """The one link that `text` means."""
    exact = [link for link in lab.links if any(text == str(end) for end in link.ends)]
    found = exact or links_between(lab, text)
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(str(link.a) for link in found)
        raise LabError(f"'{text}' means several links; say one of {choices}")
    known = ", ".join(f"{link.a.node.name}:{link.b.node.name}" for link in lab.links[:20])
    raise LabError(f"no link '{text}'; there are {known or 'none'}")


def hosts_of(lab, words):
    """The nodes of a check: names, or 'all' for each host that has an address or gets one."""
    names = []
    for word in words if isinstance(words, list) else words.replace(",", " ").split():
        if word == "all":
            names += [node.name for node in lab.of_kind("namespace", "vm", "container")
                      if node.interfaces]
        else:
            names.append(word)
    return list(dict.fromkeys(names))


def is_address(text):
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
