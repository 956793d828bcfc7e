"""The picture of a lab: SVG by the layout of this package, or DOT for Graphviz."""

from tapswitch_lab.graph import boxes as shapes
from tapswitch_lab.graph import layout, style, svg as writer


def svg(lab):
    """The lab as an SVG."""
    boxes, lines = shapes.of(lab)
    style.set_vlans(lines)
    layout.place(boxes, lines)
    return writer.draw(lab.name, boxes, lines)


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def dot(lab):
    """The lab as a graph for Graphviz."""
    boxes, lines = shapes.of(lab)
    style.set_vlans(lines)
    made = [f"graph {_quoted(lab.name)} {{", "  node [shape=box style=\"filled,rounded\"];"]
    for box in boxes.values():
        look = style.of_box(box)
        label = "\n".join([box.title, *box.lines])
        made.append(f"  {_quoted(box.name)} [label={_quoted(label)} fillcolor={_quoted(look.fill)} "
                    f"color={_quoted(look.stroke)} fontcolor={_quoted(look.text)}];")
    for line in lines:
        look = style.of_line(line)
        words = [f"label={_quoted(', '.join(line.labels))}"] if line.labels else []
        words += [f"taillabel={_quoted(line.ends[0])}"] if line.ends[0] else []
        words += [f"headlabel={_quoted(line.ends[1])}"] if line.ends[1] else []
        words += [f"color={_quoted(look.colour)}", f"penwidth={look.width}"]
        words += ["style=dashed"] if look.dashes else []
        made.append(f"  {_quoted(line.first)} -- {_quoted(line.second)} [{' '.join(words)}];")
    return "\n".join([*made, "}", ""])
