"""What the boxes and lines of a picture mean."""

from tapswitch_lab.graph import style

GAP = 26


def _entries(boxes, lines):
    """(what is drawn, its look, its text), for what is in the picture."""
    kinds = {style.kind_of(box) for box in boxes.values()}
    for kind, (look, words) in style.KINDS.items():
        if kind in kinds:
            yield "box", look, words
    for vid in style.vlans():
        if any(line.vlan == vid for line in lines):
            colour = style.colour_of_vlan(vid, style.vlans())
            yield "line", style.LineLook(colour, 2.6), f"VLAN {vid}"
    if any(line.vlans for line in lines):
        yield "line", style.LineLook(style.TRUNK, 4.5), "trunk, tagged"
    if any(line.is_impaired for line in lines):
        yield "line", style.LineLook(style.PLAIN, 2.2, "9 5"), "impaired"
    if any(line.is_down for line in lines):
        yield "line", style.LineLook(style.DOWN, 2.4, "2 6"), "down"


def draw(boxes, lines, left, y):
    """The parts of the legend, and how wide it is."""
    from tapswitch_lab.graph.svg import rectangle, text
    parts, x = [], left
    for shape, look, words in _entries(boxes, lines):
        if shape == "box":
            parts.append(rectangle(x, y - 9, 24, 14, look.fill, look.stroke, 4))
        else:
            dashes = f' stroke-dasharray="{look.dashes}"' if look.dashes else ""
            parts.append(f'<path d="M {x:.1f} {y - 2:.1f} h 28" stroke="{look.colour}" '
                         f'stroke-width="{look.width}"{dashes} fill="none"/>')
        parts.append(text(x + 34, y + 2, words, 11, style.FAINT, "start"))
        x += 34 + 6.6 * len(words) + GAP
    return parts, x - left
