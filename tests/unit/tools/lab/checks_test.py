"""What checks measure and report."""

import unittest
import xml.etree.ElementTree

import support
from tapswitch_lab import checks, convergence, save, switches, units


class Checks(unittest.TestCase):
    def test_the_longest_gap_is_found_before_and_after(self):
        text = "".join(f"[{moment:.3f}] 64 bytes from 10.0.0.1: icmp_seq=1 ttl=64\n"
                       for moment in (9.9, 10.0, 10.1, 10.7, 10.8, 12.0, 12.1))
        before, after = convergence.gaps(text, [(10.05, 11.0), (11.0, 12.2)])
        self.assertAlmostEqual(before, 0.6)
        self.assertAlmostEqual(after, 1.0)

    def test_no_reply_at_all_is_a_gap_of_the_whole_time(self):
        self.assertEqual(convergence.gaps("", [(1.0, 3.5)]), [2.5])

    def test_junit_counts_failures(self):
        text = checks.junit("lab1", [("good", "", "", 0.5), ('b"ad', "a < b", "", 1.0)])
        root = xml.etree.ElementTree.fromstring(text)
        self.assertEqual((root.get("tests"), root.get("failures")), ("2", "1"))
        self.assertEqual(root[1][0].text, "a < b")

    def test_units(self):
        self.assertEqual(units.seconds("250ms"), 0.25)
        self.assertEqual(units.bits_a_second("1.5mbit"), 1.5e6)
        self.assertEqual(units.as_rate(2.5e6), "2.50 Mbit/s")


class Saving(unittest.TestCase):
    def test_vlans_are_lifted_from_the_words_of_ports(self):
        lab = support.build("nodes: {a: , s: {kind: switch}}\nlinks: [{endpoints: [a, s]}]\n")
        for text, made, left in (
                ("vlan 10 pvid untagged", {"vlan": 10}, ""),
                ("vlan 10 pvid untagged vlan 20,30-32 cost 5",
                 {"vlan": 10, "vlans": [20, 30, 31, 32]}, "cost 5"),
                ("vlan 10,20", {"vlans": [10, 20]}, ""), ("isolated on", {}, "isolated on"),
                ("", {}, "")):
            with self.subTest(text):
                found, words = {}, {lab.links[0].b: text}
                save._lift_vlans(found, words)
                self.assertEqual((found, words[lab.links[0].b]), (made, left))

    def test_what_is_saved_reads_back(self):
        values = {"name": "x", "nodes": {"a": {"files": {"f": "one\ntwo\n"}},
                                         "s": {"kind": "switch"}},
                  "links": [{"endpoints": ["a", "s"], "vlans": [1, 2], "state": "down"}]}
        lab = support.build(save.text(values))
        self.assertEqual(lab.nodes["a"].files, {"f": "one\ntwo\n"})
        self.assertEqual(switches.port_words(lab.links[0].b), "vlan 1,2")


if __name__ == "__main__":
    unittest.main()
