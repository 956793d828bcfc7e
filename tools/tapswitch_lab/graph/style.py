"""Colours and strokes. The colours of VLANs can be told apart by the colour-blind, too."""

import dataclasses

TEXT, FAINT = "#1b2733", "#5b6b7a"
PLAIN = "#7a8894"
TRUNK = "#1f3a5f"
DOWN = "#c0392b"
VLANS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#6a3d9a")


@dataclasses.dataclass
class BoxLook:
    """How a box is drawn."""

    fill: str
    stroke: str
    text: str = TEXT
    faint: str = FAINT


@dataclasses.dataclass
class LineLook:
    """How a line is drawn."""

    colour: str
    width: float
    dashes: str = ""


KINDS = {
    "switch": (BoxLook("#1f3a5f", "#14263e", "white", "#d5deea"), "switch"),
    "namespace": (BoxLook("#eef4fb", "#6c8ebf"), "host"),
    "router": (BoxLook("#fff1dc", "#d79b3a"), "router"),
    "vm": (BoxLook("#efe6f7", "#8f6bb3"), "virtual machine"),
    "container": (BoxLook("#e3f4ee", "#4f9d80"), "container"),
    "bridge": (BoxLook("#c9d1d9", "#57636e"), "Linux bridge"),
    "ovs": (BoxLook("#c9d1d9", "#57636e"), "Open vSwitch"),
    "host": (BoxLook("#f6f6f6", "#333333"), "this machine"),
}


def kind_of(box):
    """What the box is drawn as."""
    return "router" if box.is_router and box.kind == "namespace" else box.kind


def of_box(box):
    """The look of a box."""
    return KINDS[kind_of(box)][0]


def colour_of_vlan(vid, order):
    """The colour of a VLAN; `order` has all VLANs of the lab."""
    return VLANS[order.index(vid) % len(VLANS)]


_order = []


def set_vlans(lines):
    """Tells which VLANs there are."""
    _order[:] = sorted({line.vlan for line in lines if line.vlan} |
                       {vid for line in lines for vid in line.vlans})


def vlans():
    """All VLANs, in their order."""
    return list(_order)


def of_line(line):
    """The look of a line."""
    dashes = "2 6" if line.is_down else "9 5" if line.is_impaired else ""
    if line.is_down:
        return LineLook(DOWN, 2.4, dashes)
    if line.vlans:
        return LineLook(TRUNK, 4.5, dashes)
    if line.vlan:
        return LineLook(colour_of_vlan(line.vlan, _order), 2.6, dashes)
    return LineLook(PLAIN, 2.2, dashes)
