"""Reads the common subset of containerlab's topology files.

Nodes of the kinds linux, bridge, ovs-bridge and host, and links with two endpoints. Images are not
run: a node is a network namespace. A bridge is a switch. Nodes of other kinds are namespaces, too;
what was left out is said in warnings.
"""

from tapswitch_lab.errors import Problems

KINDS = {"linux": "namespace", "bridge": "switch", "ovs-bridge": "switch", "host": "host"}
USED = {  # words by the kind of the node; 'group' has done its work when they are merged
    "namespace": ("kind", "group", "exec", "sysctls"), "switch": ("kind", "group", "exec"),
    "host": ("kind", "group")}
USED_AT_TOP = ("name", "topology")
USED_IN_TOPOLOGY = ("nodes", "links", "defaults", "kinds", "groups")
USED_OF_LINKS = ("type", "endpoints", "mtu")
USED_OF_ENDS = ("node", "interface")
MERGED_LISTS = ("exec",)
LINK_TYPES = ("veth",)
HOST = "host"


def is_containerlab(values):
    """Whether these are the values of a topology file."""
    return isinstance(values.get("topology"), dict)


class _Reader:
    def __init__(self, values):
        self.topology = values["topology"]
        self.name = values.get("name")
        self.found = []
        self.ignored = set()  # words that were left out
        self.kinds = {}       # foreign kind: its nodes
        self.note(values, USED_AT_TOP)
        self.note(self.topology, USED_IN_TOPOLOGY)

    def note(self, given, used):
        """Remembers the words that nothing here comes of."""
        self.ignored.update(key for key, value in given.items() if key not in used and value)

    def complain(self, path, text):
        self.found.append((tuple(path), text))

    def mapping(self, owner, key, path):
        value = owner.get(key) or {}
        if isinstance(value, dict):
            return value
        self.complain((*path, key), "a mapping is expected here")
        return {}

    def read(self):
        nodes = {name: self.node(name, given)
                 for name, given in self.mapping(self.topology, "nodes", ()).items()}
        links = []
        given = self.topology.get("links") or []
        if not isinstance(given, list):
            self.complain(("links",), "a list is expected here")
            given = []
        for index, value in enumerate(given):
            links.append(self.link(value, ("links", index)))
        if self.found:
            raise Problems(self.found)
        result = {"nodes": nodes, "links": links}
        if self.name:
            result["name"] = self.name
        return result

    def settings(self, name, given):
        """The node's words, with those of its kind, its group and the defaults behind them."""
        merged = {}
        kind = given.get("kind")
        layers = [self.mapping(self.topology, "defaults", ())]
        kind = kind or layers[0].get("kind") or "linux"
        layers.append(self.mapping(self.mapping(self.topology, "kinds", ()), kind, ("kinds",)))
        group = given.get("group")
        groups = self.mapping(self.topology, "groups", ())
        if isinstance(group, str) and group in groups:
            layers.append(self.mapping(groups, group, ("groups",)))
        elif group:
            self.ignored.add("group")
        for layer in (*layers, given):
            for key, value in layer.items():
                if key in MERGED_LISTS and isinstance(value, list):
                    merged[key] = merged.get(key, []) + value
                elif isinstance(value, dict) and isinstance(merged.get(key), dict):
                    merged[key] = {**merged[key], **value}
                else:
                    merged[key] = value
        merged["kind"] = merged.get("kind") or kind
        return merged

    def node(self, name, given):
        if given is None:
            given = {}
        if not isinstance(given, dict):
            self.complain(("nodes", name), "a mapping is expected here")
            return {}
        words = self.settings(name, given)
        if not isinstance(words["kind"], str):
            self.complain(("nodes", name, "kind"), "a word is expected here")
            return {}
        kind = KINDS.get(words["kind"])
        if kind is None:
            self.kinds.setdefault(words["kind"], []).append(name)
            kind = "namespace"
        self.note(words, USED[kind])
        result = {"kind": kind}
        if kind == "namespace":
            # Its neighbours may give it addresses of either family later.
            result["ipv6"] = "on"
            if words.get("sysctls"):
                result["sysctls"] = words["sysctls"]
        if words.get("exec") and kind != "host":
            result["commands"] = words["exec"]
        return result

    def link(self, given, path):
        if not isinstance(given, dict):
            self.complain(path, "a link is a mapping with 'endpoints'")
            return {}
        kind = given.get("type", "veth")
        if kind not in LINK_TYPES:
            self.complain((*path, "type"),
                          f"links of type '{kind}' are not understood: there is veth")
        ends = given.get("endpoints")
        if not isinstance(ends, list) or len(ends) != 2:
            self.complain(path, "a link has two endpoints")
            return {}
        self.note(given, USED_OF_LINKS)
        for end in ends:
            self.note(end if isinstance(end, dict) else {}, USED_OF_ENDS)
        result = {"endpoints": [self.end(end) for end in ends]}
        if given.get("mtu"):
            result["mtu"] = given["mtu"]
        return result

    @staticmethod
    def end(value):
        if isinstance(value, dict) and "node" in value:
            interface = value.get("interface")
            return f"{value['node']}:{interface}" if interface else value["node"]
        return value

    def warnings(self):
        """A sentence for whatever the lab will not have."""
        for kind, names in self.kinds.items():
            yield (f"nodes of kind {kind} are network namespaces here, their image is not run: "
                   f"{', '.join(names)}")
        if self.ignored:
            yield f"these words count for nothing here: {', '.join(sorted(self.ignored))}"


def translate(values):
    """The values of a lab's own file that mean the same, and warnings. Raises Problems."""
    reader = _Reader(values)
    return reader.read(), list(reader.warnings())
