"""Pictures show all nodes and links, and no box lies on another."""

import unittest
import xml.etree.ElementTree

import support
from tapswitch_lab.graph import boxes, draw, layout


def ring(count):
    """A ring of switches, with a host at each."""
    names = range(1, count + 1)
    nodes = "".join(f"sw{n}: {{kind: switch}}, h{n}: , " for n in names)
    links = "".join(f"{{endpoints: [sw{n}, sw{n % count + 1}]}}, {{endpoints: [h{n}, sw{n}]}}, "
                    for n in names)
    return support.build(f"subnets: 10.0.0.0/24\nnodes: {{{nodes}}}\nlinks: [{links}]\n")


def star(count):
    """Hosts at one switch."""
    nodes = ", ".join(f"h{n}: " for n in range(count))
    links = ", ".join(f"{{endpoints: [h{n}, s]}}" for n in range(count))
    return support.build(f"subnets: 10.0.0.0/16\nnodes: {{s: {{kind: switch}}, {nodes}}}\n"
                         f"links: [{links}]\n")


def overlaps(lab):
    """Pairs of boxes that lie on each other."""
    placed, lines = boxes.of(lab)
    layout.place(placed, lines)
    every = list(placed.values())
    return [(one.name, other.name) for index, one in enumerate(every) for other in every[index + 1:]
            if abs(one.x - other.x) < (one.width + other.width) / 2
            and abs(one.y - other.y) < (one.height + other.height) / 2]


class Pictures(unittest.TestCase):
    def labs(self):
        yield from ((path.name, support.load(path)[0])
                    for path in support.EXAMPLES + support.TOPOLOGIES)
        yield from ((f"ring of {count}", ring(count)) for count in (3, 4, 5, 8, 10, 16))
        yield from ((f"star of {count}", star(count)) for count in (1, 5, 9, 64))

    def test_no_box_lies_on_another(self):
        for name, lab in self.labs():
            with self.subTest(name):
                self.assertEqual(overlaps(lab), [])

    def test_ports_of_no_link_are_named(self):
        lab = support.build("nodes: {s: {kind: switch, ports: ['udp:pc1,local=::1:1']}, h: }\n"
                            "links: [{endpoints: [h, s]}]\n")
        self.assertIn(">udp:pc1<", draw.svg(lab))
        self.assertIn("s\\nudp:pc1", draw.dot(lab))

    def test_an_svg_is_xml_and_names_all_nodes(self):
        for name, lab in self.labs():
            with self.subTest(name):
                root = xml.etree.ElementTree.fromstring(draw.svg(lab))
                texts = " ".join(element.text or "" for element in root.iter())
                if "star" not in name:
                    for node in lab.nodes:
                        self.assertIn(node, texts)

    def test_the_same_lab_gives_the_same_picture(self):
        self.assertEqual(draw.svg(ring(5)), draw.svg(ring(5)))

    def test_many_alike_hosts_are_one_stack(self):
        placed, lines = boxes.of(star(64))
        self.assertEqual(sorted(placed), ["h0", "s"])
        self.assertEqual(len(lines), 1)
        self.assertIn("64 hosts", placed["h0"].lines)

    def test_dot_has_each_node_and_link(self):
        text = draw.dot(ring(4))
        self.assertEqual(text.count(" -- "), 8)
        self.assertEqual(text.count("fillcolor"), 8)

    def test_texts_are_escaped(self):
        lab = support.build("""\
            nodes: {a: , s: {kind: switch}}
            links: [{endpoints: [{node: a, interface: "<&>\\""}, {node: s, interface: "<x>"}]}]
            """)
        xml.etree.ElementTree.fromstring(draw.svg(lab))


if __name__ == "__main__":
    unittest.main()
