"""What a switch forgets with a port comes back with the port."""

import pathlib
import tempfile
import types
import unittest
from unittest import mock

import support
from tapswitch_lab import kept, switches

BEFORE = """\
bridge set ageing_time 300s
port add link:a,to=lab-a:b neigh_suppress on
storm set dev a broadcast 100pps
security set dev a recovery 7s
impair schedule dev a egress at 1s loss 5%
link carrier dev a off
port add netdev:h
mirror add m from dev a dev h both to out
mirror add n from dev a both to out
mirror add o from dev h both to out
fdb add 02:00:00:00:00:77 dev a static
fdb append 02:00:00:00:00:77 dev h static
fdb add 02:00:00:00:00:78 dev a vlan 5 static
mdb add port a grp 239.1.1.1 permanent
neigh replace 10.0.0.1 lladdr 02:00:00:00:00:09
""".splitlines()
AFTER = """\
bridge set ageing_time 300s
port add netdev:h
mirror add m from dev h both to out
mirror add o from dev h both to out
fdb add 02:00:00:00:00:77 dev h static
""".splitlines()
GONE = [line for index, line in enumerate(BEFORE) if index not in (0, 6, 9, 11)]


class Kept(unittest.TestCase):
    def test_lines_of_all_kinds_go_with_a_port(self):
        self.assertEqual(kept.gone(BEFORE, AFTER, "a"), GONE)

    def test_a_switch_is_saved_as_if_the_port_were_there(self):
        self.assertEqual(kept.merged(AFTER, GONE), [
            "bridge set ageing_time 300s", "port add netdev:h",
            "mirror add o from dev h both to out", "fdb add 02:00:00:00:00:77 dev h static",
            *GONE[:7], "fdb append 02:00:00:00:00:77 dev a static",
            "fdb replace 02:00:00:00:00:78 dev a vlan 5 static", *GONE[9:]])

    def test_a_port_comes_back_with_all_of_it(self):
        lab = support.build("""\
            name: lab
            nodes: {a: {kind: switch}, b: {kind: switch}}
            links: [{endpoints: [a, b], type: link}]
            """)
        end, saved, given = lab.links[0].b, [BEFORE, AFTER, AFTER], []

        def tapctl(_, __, *words, text=None, **___):
            given.append((words, text))

        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(switches, "saved", lambda *_: saved.pop(0)), \
                mock.patch.object(switches, "tapctl", tapctl):
            state = types.SimpleNamespace(folder=pathlib.Path(folder))
            kept.take_away(state, end)
            self.assertEqual(kept.lines(state, end), GONE)
            kept.put_back(state, end)
            self.assertEqual(kept.lines(state, end), [])
        self.assertEqual(given[0][0], ("port", "del", "a"))
        lines = given[1][1].splitlines()
        self.assertEqual(lines[:5], GONE[:5])
        self.assertEqual(lines[5:7], ["mirror del m", GONE[5]])
        self.assertEqual(lines[8], "fdb append 02:00:00:00:00:77 dev a static")
        self.assertEqual(len(lines), len(GONE) + 1)


if __name__ == "__main__":
    unittest.main()
