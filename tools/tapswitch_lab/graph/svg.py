"""Draws placed boxes and lines as SVG."""

import math
from xml.sax.saxutils import escape

from tapswitch_lab.graph import boxes as shapes
from tapswitch_lab.graph import legend, style

MARGIN, TITLE = 40, 44
LANE = 26  # between links of the same two nodes


def _attributes(**words):
    return "".join(f' {key.replace("_", "-")}="{value}"' for key, value in words.items())


def text(x, y, words, size=12, colour=style.TEXT, anchor="middle", weight="normal", halo=False):
    """A line of text, with a white rim where it may lie on a line."""
    rim = _attributes(stroke="white", stroke_width=4, paint_order="stroke",
                      stroke_linejoin="round") if halo else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
            f'text-anchor="{anchor}" font-weight="{weight}"{rim}>{escape(words)}</text>')


def rectangle(x, y, width, height, fill, stroke, radius=7):
    """A rectangle with round corners."""
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'rx="{radius}" fill="{fill}" stroke="{stroke}" stroke-width="1.6"/>')


def _draw_box(box):
    look = style.of_box(box)
    left, top = box.x - box.width / 2, box.y - box.height / 2
    radius = 4 if box.kind in ("switch", "bridge", "ovs") else 10
    parts = []
    if box.count > 1:
        for shift in (8, 4):
            parts.append(rectangle(left + shift, top - shift, box.width, box.height, look.fill,
                                   look.stroke, radius))
    parts.append(rectangle(left, top, box.width, box.height, look.fill, look.stroke, radius))
    parts.append(text(box.x, top + shapes.PADDING / 2 + 16, box.title, 14, look.text,
                      weight="bold"))
    for index, words in enumerate(box.lines):
        y = top + shapes.PADDING / 2 + shapes.TITLE_HEIGHT + 12 + shapes.LINE_HEIGHT * index
        parts.append(text(box.x, y, words, 11, look.faint))
    return parts


def _edge_point(box, x, y):
    """Where the line from the box's centre to (x, y) leaves the box."""
    dx, dy = x - box.x, y - box.y
    if dx == dy == 0:
        return box.x, box.y
    scale = min(box.width / 2 / abs(dx) if dx else math.inf,
                box.height / 2 / abs(dy) if dy else math.inf)
    return box.x + dx * scale, box.y + dy * scale


class _Path:
    """A link between two boxes: straight, beside others of the same two, or bent around boxes."""

    def __init__(self, line, one, other, between):
        dx, dy = other.x - one.x, other.y - one.y
        length = math.hypot(dx, dy) or 1.0
        self.normal = -dy / length, dx / length
        if self.normal < (-1e-6, 0.0) or (abs(self.normal[0]) <= 1e-6 and self.normal[1] < 0):
            self.normal = dy / length, -dx / length  # lanes are in order from the left, or the top
        self.along = dx / length, dy / length
        shift = line.lane * LANE
        self.left = self.normal[0] * shift < 0
        self.bend = 0.0
        if between:
            self.bend = -(60 + 0.12 * length) * (1 if self.normal[1] > 0 else -1)
        moved = self.normal[0] * shift, self.normal[1] * shift
        self.control = ((one.x + other.x) / 2 + moved[0] + self.normal[0] * self.bend * 2,
                        (one.y + other.y) / 2 + moved[1] + self.normal[1] * self.bend * 2)
        self.start = self._leave(one, other, moved)
        self.end = self._leave(other, one, moved)

    def _leave(self, box, other, moved):
        if self.bend:
            return _edge_point(box, *self.control)
        x, y = _edge_point(box, other.x, other.y)
        # Beside the straight way it may leave the box through the same side, farther along it.
        horizontal = abs(abs(x - box.x) - box.width / 2) < 0.5
        if horizontal:
            y = max(box.y - box.height / 2 + 6, min(box.y + box.height / 2 - 6, y + moved[1]))
            return x, y
        x = max(box.x - box.width / 2 + 8, min(box.x + box.width / 2 - 8, x + moved[0]))
        return x, y

    def at(self, share):
        """The point at that share of the way."""
        (x1, y1), (x2, y2) = self.start, self.end
        if not self.bend:
            return x1 + (x2 - x1) * share, y1 + (y2 - y1) * share
        cx, cy = self.control
        rest = 1 - share
        return (rest * rest * x1 + 2 * rest * share * cx + share * share * x2,
                rest * rest * y1 + 2 * rest * share * cy + share * share * y2)

    def draw(self, look):
        """The line itself."""
        (x1, y1), (x2, y2) = self.start, self.end
        way = f"M {x1:.1f} {y1:.1f} L {x2:.1f} {y2:.1f}"
        if self.bend:
            way = (f"M {x1:.1f} {y1:.1f} Q {self.control[0]:.1f} {self.control[1]:.1f} "
                   f"{x2:.1f} {y2:.1f}")
        dashes = f' stroke-dasharray="{look.dashes}"' if look.dashes else ""
        return (f'<path d="{way}" fill="none" stroke="{look.colour}" '
                f'stroke-width="{look.width}"{dashes}/>')

    def length(self):
        """About how long it is."""
        return math.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1])


def _label(path, line, look):
    """What a link carries and does, on a white ground in its middle."""
    if not line.labels:
        return []
    words = list(line.labels)
    width = line.label_width
    height = 15 * len(words) + 6
    # Near the host, where the links of a switch are apart.
    share = 0.5 if not line.leaf else 0.66 if line.leaf == line.second else 0.34
    x, y = path.at(share)
    parts = [f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
             f'height="{height}" rx="5" fill="white" stroke="{look.colour}" stroke-width="0.8"/>']
    for index, word in enumerate(words):
        parts.append(text(x, y - height / 2 + 15 + 15 * index, word, 11, style.TEXT))
    return parts


def _end_labels(path, line):
    parts = []
    if path.length() < 60:
        return parts
    near = 17 / path.length()
    for share, words in ((near, line.ends[0]), (1 - near, line.ends[1])):
        if not words:
            continue
        x, y = path.at(share)
        if abs(path.along[0]) > 0.8:
            towards = path.along[0] if share < 0.5 else -path.along[0]
            parts.append(text(x - 8 * towards, y - 6, words, 10, style.FAINT,
                              "start" if towards > 0 else "end", halo=True))
        else:
            side = -1 if path.left else 1
            parts.append(text(x + 6 * side, y + 4, words, 10, style.FAINT,
                              "end" if path.left else "start", halo=True))
    return parts


def _is_between(line, boxes):
    """Whether a straight line would run through the box of somebody else."""
    one, other = boxes[line.first], boxes[line.second]
    for box in boxes.values():
        if box in (one, other):
            continue
        for step in range(1, 40):
            share = step / 40
            x, y = one.x + (other.x - one.x) * share, one.y + (other.y - one.y) * share
            if abs(x - box.x) < box.width / 2 + 4 and abs(y - box.y) < box.height / 2 + 4:
                return True
    return False


def draw(name, boxes, lines):
    """The whole picture."""
    paths = [(line, _Path(line, boxes[line.first], boxes[line.second], _is_between(line, boxes)),
              style.of_line(line)) for line in lines]
    parts = [path.draw(look) for _, path, look in paths]
    for box in boxes.values():
        parts += _draw_box(box)
    for line, path, _ in paths:
        parts += _end_labels(path, line)
    for line, path, look in paths:
        parts += _label(path, line, look)
    left, top, right, bottom = _bounds(boxes, paths)
    legend_parts, legend_width = legend.draw(boxes, lines, left, bottom + 50)
    wanted = max(legend_width, 13 * len(name))
    if wanted > right - left:
        shift = (wanted - (right - left)) / 2
        left, right = left - shift, right + shift
        legend_parts, _ = legend.draw(boxes, lines, left, bottom + 50)
    width, height = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN + TITLE + 40
    box = f"{left - MARGIN:.0f} {top - MARGIN - TITLE:.0f} {width:.0f} {height:.0f}"
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{box}" font-family="DejaVu Sans, Verdana, sans-serif">')
    ground = (f'<rect x="{left - MARGIN:.0f}" y="{top - MARGIN - TITLE:.0f}" '
              f'width="{width:.0f}" height="{height:.0f}" fill="white"/>')
    title = text(left, top - TITLE + 10, name, 20, style.TEXT, "start", "bold")
    return "\n".join([head, ground, title, *parts, *legend_parts, "</svg>", ""])


def _bounds(boxes, paths):
    lefts = [box.x - box.width / 2 for box in boxes.values()] or [0]
    rights = [box.x + box.width / 2 + 8 for box in boxes.values()] or [0]
    tops = [box.y - box.height / 2 - 8 for box in boxes.values()] or [0]
    bottoms = [box.y + box.height / 2 for box in boxes.values()] or [0]
    for _, path, _ in paths:
        x, y = path.at(0.5)
        lefts.append(x - 40)
        rights.append(x + 40)
        tops.append(y - 20)
        bottoms.append(y + 20)
    return min(lefts), min(tops), max(rights), max(bottoms)
