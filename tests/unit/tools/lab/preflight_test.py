"""What is not there on the machine is said with its place in the file."""

import subprocess
import unittest
from unittest import mock

import support
from tapswitch_lab import links, preflight
from tapswitch_lab.errors import Problems


class Foreign(unittest.TestCase):
    def complaint(self, words):
        loaded = support.parse(f"nodes:\n  c: {{kind: container, {words}}}\n")
        node = support.native.build(loaded.values, default="lab1").nodes["c"]
        with self.assertRaises(Problems) as raised:
            preflight._check_foreign(node)
        return loaded.explain(raised.exception)

    def test_a_process_or_namespace_that_is_not_there(self):
        for words, column in (("pid: 4194303", 29), ("netns: tapswitch-nothing", 31),
                              ("netns: /dev/null", 31)):
            with self.subTest(words):
                self.assertRegex(self.complaint(words),
                                 rf"^lab.yaml:2:{column}: 'c': there is no namespace /")

    def test_a_container_that_docker_does_not_know(self):
        failed = subprocess.CompletedProcess([], 1, "", "")
        stopped = subprocess.CompletedProcess([], 0, '[{"State": {"Pid": 0}}]', "")
        for outcome, expected in (({"return_value": failed}, "there is no container 'x'"),
                                  ({"return_value": stopped}, "the container 'x' does not run"),
                                  ({"side_effect": FileNotFoundError}, "docker is missing")):
            with mock.patch.object(links.subprocess, "run", **outcome):
                self.assertRegex(self.complaint("docker: x"), rf"^lab.yaml:2:32: 'c': {expected}")


if __name__ == "__main__":
    unittest.main()
