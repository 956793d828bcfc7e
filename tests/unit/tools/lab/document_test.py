"""A lab's file is read as it is written, and each fault has its line and column."""

import unittest

import support
from tapswitch_lab.errors import LabError


class Reading(unittest.TestCase):
    def test_scalars_stay_what_was_written(self):
        values = support.parse("""\
            nodes:
              a: {mac: 02:00:00:00:00:01, on: off, time: 10:20, octal: 010}
            """).values
        self.assertEqual(values["nodes"]["a"], {"mac": "02:00:00:00:00:01", "on": "off",
                                                "time": "10:20", "octal": "010"})

    def test_an_alias_means_what_its_anchor_has(self):
        values = support.parse("""\
            x: &x {a: 1, b: 2}
            y: {<<: *x, b: 3}
            """).values
        self.assertEqual(values["y"], {"a": "1", "b": "3"})

    def test_keys_and_values_have_places(self):
        loaded = support.parse("""\
            nodes:
              h1: {gateway: 10.0.0.1}
            """)
        self.assertEqual(loaded.place(("nodes", "h1", "gateway")), (2, 17))
        self.assertEqual(loaded.place(("nodes", "h1", "gateway", "#key")), (2, 8))
        self.assertEqual(loaded.place(("nodes", "h1", "nothing")), (2, 7))

    def refuse(self, text, expected):
        with self.assertRaises(LabError) as raised:
            support.parse(text)
        self.assertRegex(str(raised.exception), expected)

    def test_bad_yaml_is_refused_with_its_place(self):
        self.refuse("nodes:\n  a: [1\n  b: 2\n", r"^lab\.yaml:\d+:\d+: not YAML: ")
        self.refuse("nodes:\n\t- a\n", r"^lab\.yaml:2:1: not YAML: ")

    def test_a_key_may_come_once(self):
        self.refuse("nodes: {}\nnodes: {}\n", r"^lab\.yaml:2:1: 'nodes' is here a second time")

    def test_other_values_than_a_mapping_are_refused(self):
        for text in ("", "- a\n", "word\n"):
            self.refuse(text, r"^lab\.yaml:1:1: a lab's file is a mapping")

    def test_a_small_file_that_means_millions_of_values_is_refused(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        for level in range(1, 9):
            lines.append(f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]")
        self.refuse("\n".join(lines), "aliases of aliases")

    def test_deep_nesting_is_refused(self):
        self.refuse("a: " + "[" * 5000 + "]" * 5000, "lab.yaml:.*(nested|not YAML)")


if __name__ == "__main__":
    unittest.main()
