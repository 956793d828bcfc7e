"""Impairments of running links, and captures of links without a switch."""

import io
import pathlib
import struct
import tempfile
import unittest
from unittest import mock

import support
from tapswitch_lab import access, links, pcapng, switches
from tapswitch_lab.errors import LabError


class ImpairNow(unittest.TestCase):
    def said(self, kinds, words):
        """The commands that the switches get, as 'SWITCH VERB PORT DIRECTION WORDS'."""
        nodes = ", ".join(f"{name}: {{kind: {kind}}}" for name, kind in zip("ab", kinds))
        lab = support.build(f"nodes: {{{nodes}}}\nlinks: [{{endpoints: [a, b]}}]\n")
        found = []

        def tapctl(_, node, *given, **__):
            self.assertEqual((given[0], given[2]), ("impair", "dev"))
            found.append(" ".join([node.name, given[1], *given[3:]]))

        with mock.patch.object(switches, "tapctl", tapctl):
            links.impair_now(None, lab.links[0], words.split())
        return sorted(found)

    def test_one_direction_leaves_the_other_alone_at_both_switches(self):
        two = ("switch", "switch")
        self.assertEqual(self.said(two, "to b loss 1%"),
                         ["a set b egress loss 1%", "b del a ingress"])
        self.assertEqual(self.said(two, "to a loss 1%"),
                         ["a set b ingress loss 1%", "b del a egress"])
        self.assertEqual(self.said(two, "to a none"), ["a del b ingress", "b del a egress"])

    def test_both_directions(self):
        self.assertEqual(self.said(("switch", "switch"), "loss 1%"),
                         ["a set b egress loss 1%", "a set b ingress loss 1%",
                          "b del a egress", "b del a ingress"])
        self.assertEqual(self.said(("namespace", "switch"), "none"),
                         ["b del a egress", "b del a ingress"])

    def test_what_cannot_be(self):
        for words, expected in (("to c loss 1%", "'c' is no end"), ("to b", "say what"),
                                ("", "say what")):
            with self.assertRaisesRegex(LabError, expected):
                self.said(("switch", "switch"), words)


def pcap(order, magic, packets):
    """A capture as tcpdump writes it; packets are (second, fraction, data)."""
    made = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
    for second, fraction, data in packets:
        made += struct.pack(order + "4I", second, fraction, len(data), len(data) + 9) + data
    return made


def blocks(data):
    """(kind, body) of each block of a pcapng."""
    found = []
    while data:
        kind, length = struct.unpack_from("<II", data)
        assert length % 4 == 0 and struct.unpack_from("<I", data, length - 4)[0] == length
        found.append((kind, data[8:length - 4]))
        data = data[length:]
    return found


class Capture(unittest.TestCase):
    def converted(self, data):
        target = io.BytesIO()
        pcapng.convert(io.BytesIO(data), target, "eth0")
        return blocks(target.getvalue())

    def test_packets_keep_their_moments_and_lengths(self):
        for order, magic, digits in (("<", 0xa1b2c3d4, 6), (">", 0xa1b2c3d4, 6),
                                     ("<", 0xa1b23c4d, 9)):
            found = self.converted(pcap(order, magic, [(1_700_000_000, 5, b"abcde"), (1, 0, b"x")]))
            self.assertEqual([kind for kind, _ in found], [0x0a0d0d0a, 1, 6, 6])
            _, high, low, captured, length = struct.unpack_from("<5I", found[2][1])
            self.assertEqual(high << 32 | low, 1_700_000_000 * 10**digits + 5)
            self.assertEqual((captured, length), (5, 14))
            self.assertEqual(found[2][1][20:], b"abcde\0\0\0")

    def test_what_is_incomplete_is_left_out(self):
        whole = pcap("<", 0xa1b2c3d4, [(1, 0, b"abcdefgh")])
        self.assertEqual(len(self.converted(whole[:-1])), 2)
        self.assertEqual(self.converted(whole[:10]), [])

    def link(self):
        return support.build("nodes: {a: , b: }\nlinks: [{endpoints: [a, b]}]\n").links[0]

    def test_words_other_than_a_filter_are_refused(self):
        with self.assertRaisesRegex(LabError, "'icmp' is nothing for a link without a switch"):
            access._capture_by_tcpdump(self.link(), "x", ["icmp"])

    def test_numbers_and_the_filter_are_passed_on(self):
        given = []
        words = ["-c", "3", "-s", "64", "filter", "icmp", "or", "arp"]
        with mock.patch.object(access.programs, "require", lambda *_: "tcpdump"), \
                mock.patch.object(access, "_convert", lambda *words: given.append(words)):
            access._capture_by_tcpdump(self.link(), "x", words)
        command, output, name = given[0]
        self.assertEqual(command[-9:], ["-w", "-", "-c", "3", "-s", "64", "icmp", "or", "arp"])
        self.assertEqual((output, name), ("x", "eth0"))

    def test_a_file_gets_all_that_the_program_wrote(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(access.signal, "signal"):
            source, file = pathlib.Path(folder, "a"), pathlib.Path(folder, "b")
            source.write_bytes(pcap("<", 0xa1b2c3d4, [(1, 0, b"abcd")]))
            self.assertEqual(access._convert(["cat", str(source)], str(file), "eth0"), 0)
            self.assertEqual(len(blocks(file.read_bytes())), 3)


if __name__ == "__main__":
    unittest.main()
