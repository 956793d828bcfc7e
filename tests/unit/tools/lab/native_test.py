"""The file's words make the lab that they describe, and mistakes are said with their place."""

import json
import unittest

import support
from tapswitch_lab import classic, schema, switches
from tapswitch_lab.errors import LabError
from tapswitch_lab.lookup import link_of

TWO = """\
    nodes:
      sw1: {kind: switch}
      h1: {addresses: 10.0.0.1/24}
      h2: {addresses: [10.0.0.2/24, "fd00::2/64"], gateway: 10.0.0.1}
    links:
      - {endpoints: [h1, sw1]}
      - {endpoints: [h2, sw1], vlan: 10}
    """


class Meaning(unittest.TestCase):
    def test_interfaces_get_names_addresses_and_macs(self):
        lab = support.build(TWO)
        self.assertEqual([str(end) for link in lab.links for end in link.ends],
                         ["h1:eth0", "sw1:h1", "h2:eth0", "sw1:h2"])
        self.assertEqual(lab.nodes["h2"].addresses, ["10.0.0.2", "fd00::2"])
        macs = [end.mac for link in lab.links for end in link.ends]
        self.assertEqual(len(set(macs)), 4)
        self.assertEqual(macs, [end.mac for link in support.build(TWO).links for end in link.ends])

    def test_ipv6_is_off_where_no_address_wants_it(self):
        lab = support.build(TWO)
        self.assertFalse(lab.nodes["h1"].wants_ipv6)
        self.assertTrue(lab.nodes["h2"].wants_ipv6)

    def test_several_links_of_the_same_two_have_ports_of_their_own(self):
        lab = support.build("""\
            nodes: {a: {kind: switch}, b: {kind: switch}}
            links: [{endpoints: [a, b]}, {endpoints: [a, b]}]
            """)
        self.assertEqual(list(lab.nodes["a"].interfaces), ["b", "b-2"])

    def test_a_switch_filters_vlans_if_a_link_has_any(self):
        lines = [text for text, _ in switches.startup_lines(support.build(TWO).nodes["sw1"])]
        self.assertEqual(lines, ["bridge set vlan_filtering on", "port add netdev:h1",
                                 "port add netdev:h2 vlan 10 pvid untagged"])

    def test_one_end_of_a_link_without_a_device_waits_and_the_other_connects(self):
        lab = support.build("""\
            name: lab
            nodes: {a: {kind: switch}, b: {kind: switch}}
            links: [{endpoints: [a, b], type: link, vlans: [10, 20], impair: loss 1%}]
            """)
        lines = {name: [text for text, _ in switches.startup_lines(lab.nodes[name])]
                 for name in ("a", "b")}
        self.assertEqual(lines["a"], ["bridge set vlan_filtering on",
                                      "port add link:b vlan 10,20",
                                      "impair set dev b ingress loss 1%",
                                      "impair set dev b egress loss 1%"])
        self.assertEqual(lines["b"], ["bridge set vlan_filtering on",
                                      "port add link:a,to=lab-a:b vlan 10,20"])

    def test_settings_of_the_bridge_come_before_ports_and_others_behind(self):
        lab = support.build("""\
            nodes:
              a: {kind: switch, settings: [link set dev h cost 5, bridge set stp_state on],
                  ports: ["unix:x,path=/run/x"]}
              h:
            links: [{endpoints: [a, h], port: isolated on}]
            """)
        self.assertEqual([text for text, _ in switches.startup_lines(lab.nodes["a"])],
                         ["bridge set stp_state on", "port add netdev:h isolated on",
                          "port add unix:x,path=/run/x", "link set dev h cost 5"])

    def test_subnets_are_shared_out(self):
        lab = support.build("""\
            subnets: [10.0.0.0/29, "fd00::/64"]
            nodes: {s: {kind: switch}, a: , b: {addresses: 10.0.0.2/29}, c: }
            links: [{endpoints: [a, s]}, {endpoints: [b, s]}, {endpoints: [c, s]}]
            """)
        self.assertEqual(lab.nodes["a"].addresses, ["10.0.0.1", "fd00::1"])
        self.assertEqual(lab.nodes["b"].addresses, ["10.0.0.2", "fd00::2"])
        self.assertEqual(lab.nodes["c"].addresses, ["10.0.0.3", "fd00::3"])

    def test_impairments_are_of_both_directions_or_of_what_one_end_sends(self):
        from tapswitch_lab.switches import impairments
        lab = support.build("""\
            nodes: {s: {kind: switch}, a: , b: }
            links:
              - {endpoints: [a, s], impair: {delay: 30ms, loss: 1%}}
              - endpoints: [{node: b, impair: loss 2%}, {node: s, impair: {rate: 1mbit}}]
            """)
        both = [(str(port), direction, words)
                for port, direction, words in impairments(lab.links[0])]
        self.assertEqual(both, [("s:a", "ingress", "delay 30ms loss 1%"),
                                ("s:a", "egress", "delay 30ms loss 1%")])
        self.assertEqual([found[1:] for found in impairments(lab.links[1])],
                         [("ingress", "loss 2%"), ("egress", "rate 1mbit")])

    def test_links_are_found_by_ends_and_names(self):
        lab = support.build(TWO)
        self.assertIs(link_of(lab, "h1:sw1"), lab.links[0])
        self.assertIs(link_of(lab, "sw1:h2"), lab.links[1])
        self.assertIs(link_of(lab, "h2"), lab.links[1])
        with self.assertRaisesRegex(LabError, "several links"):
            link_of(lab, "sw1")
        with self.assertRaisesRegex(LabError, "no link 'h1:h2'; there are"):
            link_of(lab, "h1:h2")

    def test_the_lab_of_up_n(self):
        lab = classic.lab(3, 1, "tap", [])
        self.assertEqual([switches.port_of(end) for end in lab.nodes["lab"].interfaces.values()],
                         ["tap:vnet1,netns=h1,up=off", "tap:vnet2,netns=h2,up=off",
                          "tap:vnet3,netns=h3,up=off", "tap:vnetvm1,netns=vm1,up=off"])


class Mistakes(unittest.TestCase):
    def expect(self, text, *expected):
        found = support.faults(text)
        for line in expected:
            self.assertTrue(any(line in fault for fault in found), f"{line} is not in {found}")

    def test_unknown_words(self):
        self.expect("nodes: {h1: {adresses: 10.0.0.1/24}}\n",
                    "lab.yaml:1:14: 'adresses' is no word here: did you mean 'addresses'?")
        self.expect("nodes: {}\nlink: []\n", "lab.yaml:2:1: 'link' is no word here")
        self.expect("nodes: {a: {kind: swich}}\n", "'swich' is unknown: did you mean 'switch'?")

    def test_links_without_a_device_are_for_switches(self):
        self.expect("nodes: {a: {kind: switch}, b: }\nlinks: [{endpoints: [a, b], type: link}]\n",
                    "lab.yaml:2:35: type link joins two switches")

    def test_values_of_the_wrong_kind(self):
        self.expect("nodes: [a]\n", "lab.yaml:1:8: a mapping is expected here, not a list")
        self.expect("nodes: {a: {forward: maybe}}\n", "'maybe': say on or off")
        self.expect("nodes: {a: {kind: switch}, b: }\nlinks: [{endpoints: [a, b], vlan: 5000}]\n",
                    "lab.yaml:2:35: 5000 is out of range: 1 to 4094 is possible")
        self.expect("nodes: {a: }\nlinks: [{endpoints: [a]}]\n",
                    "2 entries are expected here, not 1")
        self.expect("links: []\n", "lab.yaml:1:1: 'nodes' is missing")

    def test_names(self):
        self.expect("nodes: {1a: }\n", "lab.yaml:1:9: '1a' is no name here")
        self.expect("name: a/b\nnodes: {a: }\n", "lab.yaml:1:7: 'a/b' does not fit")

    def test_ends_that_are_not_there(self):
        self.expect("nodes: {host1: , s: {kind: switch}}\nlinks: [{endpoints: [host2, s]}]\n",
                    "lab.yaml:2:22: there is no node 'host2': did you mean 'host1'?")

    def test_addresses(self):
        for address, said in (("10.0.0.300/24", "is no address"), ("10.0.0.1", "does not fit"),
                              ("10.0.0.1/33", "is no address")):
            self.expect(f"nodes: {{a: {{addresses: {address}}}, s: {{kind: switch}}}}\n"
                        "links: [{endpoints: [a, s]}]\n", said)
        self.expect(TWO.replace("gateway: 10.0.0.1", "gateway: 10.9.0.1"),
                    "the gateway 10.9.0.1 is in no network of 'h2'")
        self.expect(TWO.replace("10.0.0.2/24", "10.0.0.1/24").replace("vlan: 10", "mtu: 1400"),
                    "10.0.0.1 is the address of 'h1:eth0' already")

    def test_links_that_cannot_be(self):
        self.expect("nodes: {a: , b: }\nlinks: [{endpoints: [a, b], vlan: 3}]\n",
                    "'vlan' needs a switch at one of the ends")
        self.expect("nodes: {a: , b: }\nlinks: [{endpoints: [a, b], impair: loss 1%}]\n",
                    "a link is impaired by a switch")
        self.expect("nodes: {a: }\nlinks: [{endpoints: [a, a]}]\n", "both ends are at 'a'")
        self.expect("nodes: {a: , s: {kind: switch}}\n"
                    "links: [{endpoints: [a, s], impair: {delay: 30}}]\n",
                    "a duration has a unit")

    def test_words_of_other_kinds(self):
        self.expect("nodes: {a: {settings: [bridge set stp_state on]}}\n",
                    "'settings' is nothing for a node of kind namespace")
        self.expect("nodes: {a: {kind: container}}\n", "needs one of pid, netns and docker")

    def test_checks(self):
        base = "nodes: {a: , s: {kind: switch}}\nlinks: [{endpoints: [a, s]}]\nchecks: "
        self.expect(base + "[{ping: {from: a, to: c}}]\n", "there is no node 'c'")
        self.expect(base + "[{ping: {from: a, to: s}}]\n", "'s' is a switch: a check needs hosts")
        self.expect(base + "[{name: x}]\n", "a check is one of")
        self.expect(base + "[{run: {node: a, command: x, match: '('}}]\n", "no regular expression")

    def test_commands(self):
        self.expect("nodes: {a: {commands: [{run: x, daemon: y}]}}\n",
                    "either 'run' (wait until it ends) or 'daemon'")


class Files(unittest.TestCase):
    def test_examples_are_right(self):
        self.assertTrue(support.EXAMPLES)
        for path in support.EXAMPLES:
            with self.subTest(path.name):
                lab, warnings = support.load(path)
                self.assertTrue(lab.checks)
                self.assertEqual(warnings, [])

    def test_the_schema_has_no_word_that_is_not_understood(self):
        known = {"$schema", "title", "description", "type", "required", "additionalProperties",
                 "properties", "patternProperties", "$defs", "$ref", "oneOf", "items", "minItems",
                 "maxItems", "enum", "pattern", "minimum", "maximum"}

        def walk(rule):
            self.assertLessEqual(set(rule), known)
            for key in ("properties", "patternProperties", "$defs"):
                for inner in rule.get(key, {}).values():
                    walk(inner)
            for inner in [*rule.get("oneOf", []), rule.get("items")]:
                if inner is not None:
                    walk(inner)

        walk(json.loads(schema.FILE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    unittest.main()
