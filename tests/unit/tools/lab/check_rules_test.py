"""Checks that cannot be carried out are refused with their place, or fail with their reason."""

import subprocess
import unittest

import support
from tapswitch_lab import checks
from tapswitch_lab.errors import LabError

BASE = """\
nodes:
  a: {addresses: 10.0.0.1/24}
  b: {addresses: 10.0.0.2/24}
  none:
  s: {kind: switch}
  v: {kind: vm, addresses: 10.0.0.3/24}
  w: {kind: vm, addresses: 10.0.0.4/24, qemu: -drive x}
  d: {dhcp: on}
links:
  - {endpoints: [a, s]}
  - {endpoints: [b, s]}
  - {endpoints: [none, s]}
  - {endpoints: [v, s]}
  - {endpoints: [w, s]}
  - {endpoints: [d, s]}
checks:
"""


class Refused(unittest.TestCase):
    def faults(self, text):
        return support.faults(BASE + f"  - {text}\n")

    def test_one_node_is_one_node(self):
        for text, expected in (
                ("tcp: {from: all, to: b}", "17:17: 'all' is not one node: write a check for each"),
                ("tcp: {from: a, to: 10.0.0.2}",
                 "17:24: '10.0.0.2' is an address: say the node that has it"),
                ("tcp: {from: 'a,b', to: b}", "17:17: 'a,b' is not one node"),
                ("cut: {link: 'a:s', from: all, to: b, within: 1s}", "17:30: 'all' is not one"),
                ("cut: {link: 'a:s', from: a, to: 10.0.0.2, within: 1s}", "17:37: '10.0.0.2' is"),
                ("cut: {link: 'a:s', from: a, to: c, within: 1s}", "17:37: there is no node 'c'"),
                ("run: {node: all, command: x}", "17:17: 'all' is not one node"),
                ("run: {node: 'a b', command: x}", "17:17: 'a b' is not one node")):
            with self.subTest(text):
                found = self.faults(text)
                self.assertEqual(len(found), 1)
                self.assertTrue(found[0].startswith(f"lab.yaml:{expected}"), found)

    def test_a_target_has_an_address(self):
        for text in ("tcp: {from: a, to: none}",
                     "cut: {link: 'a:s', from: a, to: none, within: 1s}"):
            self.assertRegex(self.faults(text)[0], r"^lab.yaml:17:\d+: 'none' has no address")

    def test_what_runs_beside_the_check_is_no_vm(self):
        self.assertRegex(self.faults("cut: {link: 'a:s', from: v, to: a, within: 1s}")[0],
                         r"^lab.yaml:17:30: 'v' is a vm, .* take a namespace as 'from'")
        self.assertRegex(self.faults("tcp: {from: a, to: v}")[0],
                         r"^lab.yaml:17:24: 'v' is a vm, .* take a namespace as 'to'")

    def test_a_vm_of_the_users_own_takes_no_commands(self):
        for text in ("ping: {from: w, to: a}", "ping: {from: all, to: a}",
                     "run: {node: w, command: x}", "tcp: {from: w, to: a}",
                     "groups: {members: [[a, w]]}"):
            self.assertRegex(self.faults(text)[0], r"^lab.yaml:17:\d+: 'w' has QEMU options of its")

    def test_what_can_be_carried_out_is_not_refused(self):
        for text in ("tcp: {from: v, to: a}", "tcp: {from: a, to: d}",
                     "cut: {link: 'a:s', from: a, to: v, within: 1s}",
                     "ping: {from: [a, v], to: [all, 10.0.0.9]}", "run: {node: v, command: x}",
                     "run: {node: s, command: x}", "ping: {from: a, to: w}"):
            self.assertEqual(self.faults(text), [])

    def test_commands_of_vms(self):
        found = support.faults("nodes: {v: {kind: vm, commands: [x, {daemon: y}]}}\n")
        self.assertRegex(found[0], r"^lab.yaml:1:38: nothing in a vm is watched: start it .* run: ")
        self.assertRegex(support.faults("nodes: {v: {kind: vm, qemu: -m 1, commands: [x]}}\n")[0],
                         r"^lab.yaml:1:35: 'v' has QEMU options of its own")


class Failed(unittest.TestCase):
    def outcome(self, error):
        def check(*_):
            raise error
        return checks.carry_out(check, None, None, {})

    def test_the_reason_is_said(self):
        words = ["ip", "netns", "exec", "n", "sh", "-c", "sleep 9"]
        self.assertEqual(self.outcome(subprocess.TimeoutExpired(words, 3.0)),
                         ("not done after 3 s: sleep 9", ""))
        self.assertEqual(self.outcome(LabError("no")), ("no", ""))
        self.assertIn("gone", self.outcome(FileNotFoundError(2, "gone"))[0])

    def test_a_target_without_an_address_is_said(self):
        node = support.build("nodes: {a: , b: }\nlinks: [{endpoints: [a, b]}]\n").nodes["a"]
        with self.assertRaisesRegex(LabError, "a has no address"):
            checks.address_of(node, None)


if __name__ == "__main__":
    unittest.main()
