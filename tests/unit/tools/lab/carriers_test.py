"""Virtual machines see whether their links are up."""

import json
import pathlib
import socket
import tempfile
import threading
import unittest
from unittest import mock

import support
from tapswitch_lab import carriers, links, qmp, sockets, switches
from tapswitch_lab.errors import LabError

LAB = """\
    nodes: {sw: {kind: switch}, v: {kind: vm}, w: {kind: vm}, h: }
    links: [{endpoints: [v, sw]}, {endpoints: [h, sw]}, {endpoints: [v, w]}]
    """


class Told(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.state = support.RecordedState(LAB)
        self.state.folder = pathlib.Path(self.folder.name)
        self.lab = self.state.lab()

    def told(self, index, is_on, running=("v", "w")):
        """What the switch and the machines hear."""
        sockets.prepare(self.state)
        for name in running:
            sockets.qmp_of(self.lab.nodes[name], self.state).touch()
        heard = []
        with mock.patch.object(switches, "tapctl", lambda _, node, *words: heard.append(
                " ".join([node.name, *words]))), \
                mock.patch.object(qmp, "set_link", lambda path, card, is_on: heard.append(
                    f"{path.name} {card} {is_on}")):
            carriers.tell(self.state, self.lab.links[index], is_on)
        return heard

    def test_by_their_switch(self):
        path = self.state.folder / "qemu" / "v.qmp"
        self.assertEqual(self.told(0, False), [f"sw link carrier dev v off qmp {path} id net0"])
        self.assertEqual(self.told(0, True), [f"sw link carrier dev v on qmp {path} id net0"])

    def test_by_qemu_where_there_is_no_switch(self):
        self.assertEqual(self.told(2, False), ["v.qmp net1 False", "w.qmp net0 False"])

    def test_nobody_where_no_machine_runs(self):
        self.assertEqual(self.told(2, False, running=()), [])
        self.assertEqual(self.told(1, False), [])

    def test_what_is_told_counts_as_the_state_of_the_link(self):
        there = {"eth0": {"flags": 1}, "v": {"flags": 1}, "h": {"flags": 1}}
        for carrier in (True, False):
            ports = [{"ifname": "v", "carrier": carrier}, {"ifname": "h", "carrier": True}]
            with mock.patch.object(links, "_interfaces", lambda node: there), \
                    mock.patch.object(switches, "ask", lambda *_, ports=ports: ports):
                self.assertEqual(links.is_up(self.state, self.lab.links[0], {}), carrier)
                self.assertTrue(links.is_up(self.state, self.lab.links[1], {}))


class Qmp(unittest.TestCase):
    def said(self, answers):
        """What a QEMU hears that says these lines."""
        heard = []
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            path = pathlib.Path(folder, "qmp")
            listener.bind(str(path))
            listener.listen()

            def serve():
                with listener.accept()[0] as client, client.makefile("rw") as stream:
                    for answer in answers:
                        stream.write(json.dumps(answer) + "\n")
                        stream.flush()
                        if "QMP" in answer or "return" in answer:
                            heard.append(stream.readline())

            thread = threading.Thread(target=serve)
            thread.start()
            try:
                qmp.set_link(path, "net1", False)
            finally:
                thread.join()
        return [json.loads(line) for line in heard if line]

    def test_a_machine_is_told(self):
        self.assertEqual(
            self.said([{"QMP": {}}, {"event": "RTC_CHANGE"}, {"return": {}}, {"return": {}}]),
            [{"execute": "qmp_capabilities"},
             {"execute": "set_link", "arguments": {"name": "net1", "up": False}}])

    def test_a_refusal_is_an_error(self):
        for answers, expected in (
                ([{"QMP": {}}, {"return": {}}, {"error": {"desc": "no card"}}], "no card"),
                ([{"QMP": {}}], "closed the connection")):
            with self.assertRaisesRegex(LabError, expected):
                self.said(answers)

    def test_a_machine_that_does_not_run_is_an_error(self):
        with self.assertRaisesRegex(LabError, "QEMU does not take commands"):
            qmp.set_link("/nonexistent/qmp", "net0", True)


if __name__ == "__main__":
    unittest.main()
