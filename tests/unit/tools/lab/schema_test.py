"""A standard validator agrees with what tapswitch-lab itself thinks of a file."""

import json
import re
import textwrap
import unittest

import support
from tapswitch_lab import document, schema

try:
    import jsonschema
except ImportError:
    jsonschema = None

yaml = document.yaml_library()


class Yaml12(yaml.SafeLoader):
    """Reads on, off, yes and no as texts, as YAML 1.2 does."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:bool"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


@unittest.skipIf(jsonschema is None, "python3-jsonschema is missing")
class Validator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rules = json.loads(schema.FILE.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(rules)
        cls.validator = jsonschema.Draft202012Validator(rules)

    def faults(self, text):
        return [error.message for loader in (yaml.SafeLoader, Yaml12)
                for error in self.validator.iter_errors(yaml.load(text, Loader=loader))]

    def test_examples_are_valid(self):
        for path in support.EXAMPLES:
            with self.subTest(path.name):
                self.assertEqual(self.faults(path.read_text(encoding="utf-8")), [])

    def test_both_accept_what_is_right(self):
        for text in ("nodes: {h1: }", "nodes: {h1: {forward: on, ipv6: true}}",
                     "nodes: {h1: {sysctls: {net.ipv4.ip_forward: 1}}}",
                     "nodes: {h1: {files: {f: 5}, sysctls: }}",
                     "nodes: {h1: {kind: vm, commands: [x, {run: y, timeout: 3s}]}}",
                     "nodes: {a: , s: {kind: switch}}\nlinks: [{endpoints: [a, s], vlans: [1]}]"):
            with self.subTest(text):
                self.assertEqual((self.faults(text), support.faults(text)), ([], []))

    def test_both_refuse_nonsense(self):
        for text in ("nodes: {h1: 5}", "nodes: {h1: []}", "nodes: {h1: {forward: maybe}}",
                     "nodes: {h1: {forward: 1}}", "nodes: {h1: {forward: }}", "nodes: {h1: {x: }}",
                     "nodes: {h1: {sysctls: {net.a: [1]}}}", "nodes: {h1: {sysctls: {net.a: {}}}}",
                     "nodes: {h1: {files: {f: [x]}}}", "nodes: {h1: {kind: }}",
                     "nodes: {a: , b: }\nlinks: [{endpoints: [a, b], impair: }]",
                     "nodes: {a: }\nchecks: [{run: }]", "nodes: {a: }\nlinks:"):
            with self.subTest(text):
                self.assertTrue(self.faults(text))
                self.assertTrue(support.faults(textwrap.dedent(text)))


if __name__ == "__main__":
    unittest.main()
