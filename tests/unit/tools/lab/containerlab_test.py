"""The shapes of public topologies become labs."""

import unittest

import support
from tapswitch_lab import containerlab
from tapswitch_lab.errors import Problems


def load(name):
    """The lab of topologies/NAME, and warnings."""
    return support.load(support.HERE / "topologies" / f"{name}.clab.yml")


class Topologies(unittest.TestCase):
    def test_ten_shapes_are_read(self):
        self.assertEqual(len(support.TOPOLOGIES), 10)
        for path in support.TOPOLOGIES:
            with self.subTest(path.name):
                lab, _ = support.load(path)
                self.assertTrue(lab.links)
                self.assertTrue(lab.nodes)

    def test_commands_and_interfaces_are_those_of_the_file(self):
        lab, warnings = load("back_to_back")
        self.assertEqual(str(lab.links[0]), "n1:eth1--n2:eth1")
        self.assertEqual(lab.nodes["n1"].commands[0].text, "ip addr add 192.168.0.1/30 dev eth1")
        self.assertEqual(warnings, ["these words count for nothing here: image"])

    def test_bridges_are_switches(self):
        self.assertEqual(load("bridge")[0].nodes["br-clab"].kind, "switch")
        self.assertEqual(load("ovs_bridge")[0].nodes["myovs"].kind, "switch")

    def warned(self, **values):
        """The words that count for nothing, as they are warned of."""
        found = containerlab.translate(values)[1]
        return found[0].removeprefix("these words count for nothing here: ") if found else ""

    def test_all_that_is_left_out_is_warned_of(self):
        self.assertEqual(load("clos")[1],
                         ["these words count for nothing here: mgmt, mgmt-ipv4"])
        for expected, topology in (
                ("env", {"nodes": {"a": {"env": {"X": "1"}}}}),
                ("env", {"defaults": {"env": {"X": "1"}}, "nodes": {"a": None}}),
                ("exec", {"nodes": {"h": {"kind": "host", "exec": ["x"]}}}),
                ("sysctls", {"nodes": {"b": {"kind": "bridge", "sysctls": {"net.a": "1"}}}}),
                ("group", {"nodes": {"a": {"group": "nobody"}}}),
                ("", {"groups": {"g": {"kind": "linux"}}, "nodes": {"a": {"group": "g"}}}),
                ("labels, vars", {"nodes": {"a": None, "b": None}, "links": [
                    {"endpoints": ["a:x", "b:x"], "labels": {"l": "1"}, "vars": {"v": "1"}}]}),
                ("ipv4, mac", {"nodes": {"a": None, "b": None}, "links": [{"endpoints": [
                    {"node": "a", "interface": "x", "mac": "1"}, {"node": "b", "ipv4": "1"}]}]}),
                ("vars", {"nodes": {}, "vars": {"v": "1"}})):
            with self.subTest(topology):
                self.assertEqual(self.warned(topology=topology), expected)
        self.assertEqual(self.warned(topology={"nodes": {}}, prefix="x", mgmt={"network": "n"}),
                         "mgmt, prefix")

    def test_images_that_are_not_run_are_named(self):
        lab, warnings = load("two_vendors")
        self.assertEqual(lab.nodes["a"].kind, "namespace")
        self.assertIn("nodes of kind vendor_a are network namespaces here, their image is not run: "
                      "a", warnings)

    def test_defaults_kinds_and_groups_hold(self):
        lab, _ = load("clos")
        self.assertEqual(lab.nodes["client1"].commands[0].text, "ip link set lo up")
        self.assertEqual(lab.nodes["client1"].kind, "namespace")

    def test_merged_mappings_hold(self):
        lab, _ = load("anchors")
        for name in ("r1", "r2", "r3"):
            self.assertEqual(lab.nodes[name].sysctls, {"net.ipv4.ip_forward": "1"})

    def test_the_host_is_a_node(self):
        self.assertEqual(load("host_link")[0].nodes["host"].kind, "host")

    def test_long_links_are_read(self):
        self.assertEqual(load("long_links")[0].links[0].mtu, 9000)

    def expect(self, topology, expected):
        with self.assertRaises(Problems) as raised:
            containerlab.translate({"topology": topology})
        self.assertIn(expected, str(raised.exception))

    def test_other_links_are_refused(self):
        self.expect({"nodes": {}, "links": [{"type": "vxlan", "endpoints": ["a:e", "b:e"]}]},
                    "links of type 'vxlan' are not understood")
        self.expect({"nodes": {"a": None}, "links": [{"endpoints": ["a:e"]}]}, "two endpoints")
        self.expect({"nodes": ["a"]}, "a mapping is expected here")


if __name__ == "__main__":
    unittest.main()
