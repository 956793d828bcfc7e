"""What is saved of a running lab makes the same lab again."""

import unittest
from unittest import mock

import support
from tapswitch_lab import impaired, native, save, switches

TWO_SWITCHES = """\
    name: lab
    nodes:
      a: {kind: switch, ports: ["link:loose"]}
      b: {kind: switch}
      h:
    links: [{endpoints: [a, b]}, {endpoints: [h, a]}]
    """
PORTS = {"a": ["port add netdev:b", "port add netdev:h", "port add link:loose"],
         "b": ["port add netdev:a"]}


def running(text, lines, addresses=None):
    """What is saved of the lab of a text, where tapctl saves these lines of each switch."""
    state = support.RecordedState(text)
    with mock.patch.object(switches, "saved", lambda _, node: list(lines.get(node.name, []))), \
            mock.patch.object(save.links, "is_up", lambda *_: True), \
            mock.patch.object(save, "_addresses", addresses or (lambda node: ({}, []))):
        return save.running(state)


def effects(lab, name):
    """What is impaired at a switch when its startup file was read: later lines win."""
    found = {}
    for line, _ in switches.startup_lines(lab.nodes[name]):
        if impaired.place_of(line):
            found[impaired.place_of(line), line.split()[1]] = line.split()[5:]
    return found


class Impairments(unittest.TestCase):
    def again(self, lines):
        """The values that are saved; they have the same effects as the lines."""
        lines = {name: PORTS[name] + lines.get(name, []) for name in PORTS}
        values = running(TWO_SWITCHES, lines)
        lab = native.build(support.parse(save.text(values)).values)
        for name in PORTS:
            wanted = {(impaired.place_of(line), line.split()[1]):
                      impaired.without_default_seed(line).split()[5:]
                      for line in lines[name] if impaired.place_of(line)}
            self.assertEqual(effects(lab, name), wanted)
        return values

    def test_schedules_and_ports_of_no_link_stay_settings_of_their_switch(self):
        lines = ["impair schedule dev h egress at 10s loss 5% for 2s",
                 "impair set dev loose egress loss 3% seed 1562742182",
                 "impair schedule dev loose ingress at 1s delay 3ms"]
        values = self.again({"a": lines})
        self.assertEqual(values["nodes"]["a"]["settings"],
                         [lines[0], "impair set dev loose egress loss 3%", lines[2]])

    def test_a_seed_is_saved_if_somebody_gave_it(self):
        values = self.again({"a": ["impair set dev h ingress loss 1% seed 7",
                                   "impair set dev h egress loss 2% seed "
                                   f"{impaired.default_seed('h', 'egress')}"]})
        self.assertEqual([end.get("impair") for end in values["links"][1]["endpoints"]],
                         ["loss 1% seed 7", "loss 2%"])

    def test_the_seed_that_nobody_gave_is_that_of_the_switch(self):
        self.assertEqual(impaired.default_seed("h1", "ingress"), 2419799442)
        self.assertEqual(impaired.default_seed("h1", "egress"), 2352541871)

    def test_two_switches_may_impair_the_same_link(self):
        both = [f"impair set dev {{}} {direction} loss {{}}%" for direction in impaired.DIRECTIONS]
        for first, second in ((both, both), (both, both[:1]), (both[:1], both), (both[1:], both)):
            with self.subTest(first=first, second=second):
                self.again({"a": [line.format("b", 1) for line in first],
                            "b": [line.format("a", 2) for line in second]})
                self.again({"a": [line.format("b", n) for n, line in enumerate(first, 3)],
                            "b": [line.format("a", n) for n, line in enumerate(second, 5)]})

    def test_equal_impairments_of_both_directions_are_those_of_the_link(self):
        values = self.again({"a": ["impair set dev h ingress loss 1%",
                                   "impair set dev h egress loss 1%"]})
        self.assertEqual(values["links"][1]["impair"], "loss 1%")
        self.assertNotIn("settings", values["nodes"]["a"])

    def test_a_switch_that_does_not_run_is_saved_as_it_was_recorded(self):
        values = running("""\
            nodes: {a: {kind: switch}, h: }
            links: [{endpoints: [h, a], impair: loss 1%, vlan: 3}]
            """, {})
        self.assertEqual((values["links"][0]["impair"], values["links"][0]["vlan"]), ("loss 1%", 3))


class Differences(unittest.TestCase):
    def test_all_that_tapctl_would_change_is_a_difference(self):
        said = "impair set dev h egress loss 1% seed 7\nimpair schedule dev h egress off\n"
        wanted, there = (support.build(TWO_SWITCHES).nodes["a"] for _ in range(2))
        asked = []

        def tapctl(_, node, *__, text):
            asked.append((node, text))
            return said

        now = ["link carrier dev h off qmp /x id net0", "link carrier dev loose off"]
        with mock.patch.object(switches, "tapctl", tapctl), \
                mock.patch.object(switches, "saved", lambda *_: now):
            self.assertEqual(save._switch_difference(wanted, there, None), said.splitlines())
        self.assertIs(asked[0][0], there)
        self.assertIn("port add link:loose\n", asked[0][1])
        # The state of a link is a difference of its own; that of another port is one here.
        self.assertIn(now[0], asked[0][1])
        self.assertNotIn(now[1], asked[0][1])

    def test_the_carrier_of_a_link_is_its_state_and_no_setting(self):
        lines = ["link carrier dev h off qmp /x id net0", "link carrier dev loose off"]
        values = running(TWO_SWITCHES, {**PORTS, "a": PORTS["a"] + lines})
        self.assertEqual(values["nodes"]["a"]["settings"], lines[1:])


class Interfaces(unittest.TestCase):
    TEXT = """\
        nodes:
          a: {kind: switch, interfaces: {h: {mac: "02:00:00:00:00:09"}}}
          h:
          g: {interfaces: {eth0: {mtu: 1400}}}
          v: {kind: vm, interfaces: {eth0: {mac: "02:00:00:00:00:07", mtu: 1300}},
              addresses: 10.0.0.1/24}
        links:
          - {endpoints: [h, a], mtu: 1500}
          - {endpoints: [a, g], mtu: 9000}
          - {endpoints: [v, a]}
        """

    def test_each_end_keeps_its_mtu_and_mac(self):
        before = support.build(self.TEXT)
        now = {"eth0": {"addresses": ["10.0.0.9/24"]}}
        values = running(self.TEXT, {}, lambda node: (now if node.name == "h" else {}, []))
        after = native.build(support.parse(save.text(values)).values)
        for one, other in zip(before.links, after.links):
            self.assertEqual(one.mtu, other.mtu)
            self.assertEqual([end.mtu for end in one.ends], [end.mtu for end in other.ends])
        for name, port in (("a", "h"), ("v", "eth0")):
            self.assertEqual(after.nodes[name].interfaces[port].mac,
                             before.nodes[name].interfaces[port].mac)
        self.assertEqual(after.nodes["h"].addresses, ["10.0.0.9"])
        self.assertEqual(after.nodes["v"].addresses, ["10.0.0.1"])

    def test_commands_of_defaults_are_saved(self):
        values = running("""\
            defaults: {namespace: {commands: [{run: x, timeout: 3s}]}}
            nodes: {h: , s: {kind: switch}}
            links: [{endpoints: [h, s]}]
            """, {})
        self.assertIn("timeout: 3s", save.text(values))

    def test_vlans_of_an_open_vswitch_are_saved(self):
        values = running("""\
            nodes: {h: , o: {kind: ovs}}
            links: [{endpoints: [h, o], vlan: 10}]
            """, {})
        self.assertEqual(values["links"][0]["vlan"], 10)


class Shown(unittest.TestCase):
    def test_a_picture_has_what_is_now(self):
        state = support.RecordedState(TWO_SWITCHES.replace("[h, a]}", "[h, a], impair: loss 9%}"))
        lines = {**PORTS, "a": [*PORTS["a"], "impair set dev b ingress delay 1ms"]}
        with mock.patch.object(switches, "saved", lambda _, node: lines[node.name]), \
                mock.patch.object(save.links, "is_up", lambda _, one, __: one.a.node.name == "h"), \
                mock.patch.object(save, "_addresses",
                                  lambda _: ({"eth0": {"addresses": ["10.9.9.9/24"]}}, [])):
            lab = save.shown(state)
        self.assertEqual([link.state for link in lab.links], ["down", "up"])
        self.assertEqual([link.impair for link in lab.links], ["to a: delay 1ms", ""])
        self.assertEqual(lab.nodes["h"].addresses, ["10.9.9.9"])


if __name__ == "__main__":
    unittest.main()
