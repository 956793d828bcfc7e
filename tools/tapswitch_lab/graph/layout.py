"""Places boxes: rings as circles, all else in layers with the hosts at the bottom."""

import collections
import math

GAP = 34          # between boxes of one layer
LINKED_GAP = 200  # between boxes of one layer that a link joins: its label has to fit
LAYER = 96        # between the edges of two layers
FAN = 84          # from a box on a circle to its hosts


def place(boxes, lines):
    """Sets x and y of all boxes."""
    near = collections.defaultdict(list)
    for line in lines:
        for one, other in ((line.first, line.second), (line.second, line.first)):
            if other not in near[one]:
                near[one].append(other)
    degree = collections.Counter(name for line in lines for name in (line.first, line.second))
    leaves = {name for name in boxes if degree[name] <= 1 and
              boxes[name].kind not in ("switch", "bridge", "ovs")}
    core = [name for name in boxes if name not in leaves]
    ring = _ring(core, near)
    if ring:
        _place_ring(boxes, ring, near, leaves, _has_labels(lines, core))
    else:
        _place_layers(boxes, near, leaves, core, lines)


def _has_labels(lines, core):
    return any(line.labels for line in lines if line.first in core and line.second in core)


def _ring(core, near):
    """The nodes of the core in their order around, if it is one ring."""
    inside = {name: [other for other in near[name] if other in core] for name in core}
    if len(core) < 3 or any(len(others) != 2 for others in inside.values()):
        return []
    order = [core[0], inside[core[0]][0]]
    while True:
        following = [name for name in inside[order[-1]] if name != order[-2]]
        if not following or following[0] == core[0]:
            break
        order.append(following[0])
    return order if len(order) == len(core) else []


def _place_ring(boxes, ring, near, leaves, has_labels):
    widest = max(boxes[name].width for name in ring)
    radius = max(150.0, len(ring) * (widest + (130 if has_labels else 90)) / (2 * math.pi))
    for index, name in enumerate(ring):
        angle = 2 * math.pi * (index / len(ring)) - math.pi / 2
        if len(ring) % 2 == 0 and len(ring) <= 6:
            angle += math.pi / len(ring)  # flat at the top
        box = boxes[name]
        box.x, box.y = radius * 1.25 * math.cos(angle), radius * math.sin(angle)
        hosts = [other for other in near[name] if other in leaves]
        _fan(box, [boxes[other] for other in hosts], angle)
    lonely = [boxes[name] for name in boxes if name in leaves and not near[name]]
    _row(lonely, 0, max((box.y for box in boxes.values()), default=0) + LAYER + 60)


def _fan(box, hosts, angle):
    """Puts hosts outside of the circle, beside each other across the ray from its centre."""
    across, along = abs(math.sin(angle)), abs(math.cos(angle))
    for index, host in enumerate(hosts):
        if across > 0.45:
            offset = (index - (len(hosts) - 1) / 2) * (host.room + GAP / 2)
            side = 1 if math.sin(angle) > 0 else -1
            host.x = box.x + offset + FAN * 0.5 * math.cos(angle)
            host.y = box.y + side * (box.height / 2 + host.height / 2 + FAN)
        else:
            offset = (index - (len(hosts) - 1) / 2) * (host.height + GAP / 2)
            side = 1 if math.cos(angle) > 0 else -1
            host.x = box.x + side * (box.width / 2 + host.width / 2 + FAN) * max(along, 0.9)
            host.y = box.y + offset


def _row(boxes, middle, y):
    """Places boxes beside each other around x = middle."""
    total = sum(box.room for box in boxes) + GAP * max(0, len(boxes) - 1)
    x = middle - total / 2
    for box in boxes:
        box.x, box.y = x + box.room / 2, y
        x += box.room + GAP


def _levels(core, near, leaves):
    """The layer of each node of the core: how far it is from a host."""
    starts = [name for name in core if any(other in leaves for other in near[name])]
    if not starts and core:
        starts = [min(core, key=lambda name: len(near[name]))]
    level = {name: 1 for name in starts}
    queue = collections.deque(starts)
    while queue:
        name = queue.popleft()
        for other in near[name]:
            if other in core and other not in level:
                level[other] = level[name] + 1
                queue.append(other)
    return {name: level.get(name, 1) for name in core}


def _place_layers(boxes, near, leaves, core, lines):
    level = _levels(core, near, leaves)
    joined = {frozenset((line.first, line.second)) for line in lines}
    layers = collections.defaultdict(list)
    for name in core:
        layers[level[name]].append(name)
    _place_first(boxes, _along(layers[1], near), near, leaves, joined)
    bottom = 0.0
    top = min((boxes[name].y - boxes[name].height / 2 for name in layers[1]), default=0.0)
    for number in sorted(layers)[1:]:
        bottom = top - LAYER
        _place_above(boxes, layers[number], near, joined, bottom)
        top = min(boxes[name].y - boxes[name].height / 2 for name in layers[number])
    lonely = [boxes[name] for name in boxes if name in leaves and
              (not near[name] or near[name][0] in leaves)]
    lowest = max((box.y + box.height / 2 for box in boxes.values() if box not in lonely), default=0)
    _place_pairs(lonely, near, boxes, lowest + 70 if core else 0)


def _along(names, near):
    """The names in an order in which neighbours follow each other, as far as there is one."""
    inside = {name: [other for other in near[name] if other in names] for name in names}
    order = []
    for start in sorted(names, key=lambda name: (len(inside[name]), names.index(name))):
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name not in order:
                order.append(name)
                waiting += reversed(inside[name])
    return sorted(names, key=order.index) if any(inside.values()) else names


def _gap(one, other, joined):
    return LINKED_GAP if frozenset((one, other)) in joined else GAP * 1.6


def _place_first(boxes, names, near, leaves, joined):
    """The layer above the hosts, and the hosts below it."""
    x, before = 0.0, None
    tallest = max((boxes[name].height for name in names), default=0)
    for name in names:
        hosts = [boxes[other] for other in near[name] if other in leaves]
        own = boxes[name]
        below = sum(box.room for box in hosts) + GAP * max(0, len(hosts) - 1)
        width = max(own.width, below)
        if before is not None:
            x += max(GAP * 1.6, _gap(before[0], name, joined) - before[1] - (width - own.width) / 2)
        own.x, own.y = x + width / 2, 0.0
        deepest = max((box.height for box in hosts), default=0)
        _row(hosts, own.x, tallest / 2 + LAYER + deepest / 2)
        for host in hosts:
            host.y = tallest / 2 + LAYER + host.height / 2
        x += width
        before = name, (width - own.width) / 2


def _place_above(boxes, names, near, joined, bottom):
    """A layer above those that have a place: each over the middle of what it is linked to."""
    placed = {}
    for name in names:
        below = [boxes[other].x for other in near[name] if boxes[other].y > bottom]
        placed[name] = sum(below) / len(below) if below else 0.0
    order = sorted(names, key=lambda name: placed[name])
    edge = None
    for index, name in enumerate(order):
        box = boxes[name]
        box.x, box.y = placed[name], bottom - box.height / 2
        if edge is not None:
            box.x = max(box.x, edge + _gap(order[index - 1], name, joined) + box.width / 2)
        edge = box.x + box.width / 2
    shift = (sum(placed.values()) - sum(boxes[name].x for name in names)) / len(names)
    for name in names:
        boxes[name].x += shift


def _place_pairs(lonely, near, boxes, y):
    """Hosts that are linked with one another alone: one beside the other, a pair below the next."""
    done = set()
    for box in lonely:
        if box.name in done:
            continue
        partner = boxes[near[box.name][0]] if near[box.name] else None
        done.add(box.name)
        box.x, box.y = 0.0, y + box.height / 2
        if partner:
            done.add(partner.name)
            partner.x = box.width / 2 + LINKED_GAP + partner.width / 2
            partner.y = y + partner.height / 2
        y += max(box.height, partner.height if partner else 0) + GAP
