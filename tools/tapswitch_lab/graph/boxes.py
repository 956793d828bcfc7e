"""What is drawn: boxes for nodes, and lines for links, without places yet."""

import collections
import dataclasses

MANY_LEAVES = 9       # so many alike hosts at one switch are drawn as one stack
MOST_LINES = 3        # of addresses in a box
TITLE_WIDTH, TEXT_WIDTH = 8.4, 6.7  # of a character
LABEL_WIDTH = 6.3
PADDING, TITLE_HEIGHT, LINE_HEIGHT = 14, 22, 15


@dataclasses.dataclass
class Box:
    """A node, or a stack of nodes that are alike. x and y are its centre."""

    name: str
    kind: str
    title: str
    lines: list
    count: int = 1
    is_router: bool = False
    x: float = 0.0
    y: float = 0.0
    span: float = 0.0  # how much room beside others it needs for the label of its link

    @property
    def room(self):
        """How wide it is with the label of its link."""
        return max(self.width, self.span)

    @property
    def width(self):
        """Wide enough for its texts."""
        widest = max([len(self.title) * TITLE_WIDTH,
                      *(len(line) * TEXT_WIDTH for line in self.lines)])
        return max(74.0, widest + 2 * PADDING)

    @property
    def height(self):
        """High enough for its texts."""
        return PADDING + TITLE_HEIGHT + LINE_HEIGHT * len(self.lines)


@dataclasses.dataclass
class Line:
    """A link; `first` and `second` are names of boxes."""

    first: str
    second: str
    vlan: int = 0
    vlans: tuple = ()
    labels: tuple = ()
    ends: tuple = ("", "")  # names of interfaces where they say something
    is_down: bool = False
    is_impaired: bool = False
    lane: float = 0.0       # beside other links between the same two: ..., -1, 0, 1, ...
    leaf: str = ""          # the end that has no other link

    @property
    def label_width(self):
        """How wide its label is."""
        return max((len(label) for label in self.labels), default=0) * LABEL_WIDTH + 14


def _text_of(node):
    """The addresses of a node, and ports that belong to no link, as lines of its box."""
    lines = []
    several = len(node.interfaces) > 1
    for end in node.interfaces.values():
        words = list(end.addresses) + ["DHCP"] * end.dhcp + ["SLAAC"] * end.slaac
        lines += [f"{end.name} {word}" if several else word for word in words]
    lines += [text.partition(",")[0] for text in node.ports]
    if len(lines) > MOST_LINES:
        lines = lines[:MOST_LINES - 1] + [f"and {len(lines) - MOST_LINES + 1} more"]
    return lines


def _end_name(end):
    """The interface's name, where it is not what one would guess."""
    if end.node.kind in ("switch", "bridge", "ovs"):
        return "" if end.name == end.peer.node.name else end.name
    return end.name if len(end.node.interfaces) > 1 else ""


def _line(link):
    words = []
    if link.vlans:
        words.append("VLANs " + ", ".join(map(str, link.vlans)))
    impaired = [link.impair] + [f"{end.node.name}: {end.impair}" for end in link.ends if end.impair]
    words += [text for text in impaired if text]
    if link.state == "down":
        words.append("down")
    return Line(link.a.node.name, link.b.node.name, link.vlan, tuple(link.vlans), tuple(words),
                (_end_name(link.a), _end_name(link.b)), link.state == "down",
                any(impaired))


def of(lab):
    """The boxes by name, and the lines."""
    boxes = {node.name: Box(node.name, node.kind, node.name, _text_of(node),
                            is_router=node.forward or _forwards(node))
             for node in lab.nodes.values()}
    lines = [_line(link) for link in lab.links]
    _stack(boxes, lines)
    _part(lines)
    _name_leaves(boxes, lines)
    return boxes, lines


def _forwards(node):
    return str(node.sysctls.get("net.ipv4.ip_forward", "0")) == "1"


def _stack(boxes, lines):
    """Draws many alike hosts at one switch as one stack."""
    degree = collections.Counter(name for line in lines for name in (line.first, line.second))
    groups = collections.defaultdict(list)
    for line in lines:
        for leaf, parent in ((line.first, line.second), (line.second, line.first)):
            if degree[leaf] == 1 and boxes[leaf].kind == "namespace" and not line.labels:
                groups[parent, line.vlan].append((leaf, line))
                break
    for members in groups.values():
        if len(members) < MANY_LEAVES:
            continue
        first, kept = members[0]
        box, last = boxes[first], boxes[members[-1][0]]
        box.title = f"{box.title} ... {last.title}"
        box.count = len(members)
        box.lines = [f"{len(members)} hosts"] + [
            f"{one} ... {other}" for one, other in list(zip(box.lines, last.lines))[:1]]
        for leaf, line in members[1:]:
            del boxes[leaf]
            lines.remove(line)
        assert kept in lines


def _name_leaves(boxes, lines):
    degree = collections.Counter(name for line in lines for name in (line.first, line.second))
    for line in lines:
        for name in (line.first, line.second):
            if degree[name] == 1 and boxes[name].kind not in ("switch", "bridge", "ovs"):
                line.leaf = name
                boxes[name].span = line.label_width if line.labels else 0.0


def _part(lines):
    """Puts links between the same two nodes beside each other."""
    groups = collections.defaultdict(list)
    for line in lines:
        groups[frozenset((line.first, line.second))].append(line)
    for members in groups.values():
        for index, line in enumerate(members):
            line.lane = index - (len(members) - 1) / 2
