"""What tests of tapswitch-lab have in common."""

import pathlib
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[3]
sys.path.insert(0, str(TREE / "tools"))

from tapswitch_lab import containerlab, document, native  # noqa: E402
from tapswitch_lab.errors import LabError, Problems  # noqa: E402

EXAMPLES = sorted((TREE / "tools/doc/labs").glob("*.yaml"))
TOPOLOGIES = sorted((HERE / "topologies").glob("*.yml"))


def parse(text):
    """The document of an indented text."""
    return document.parse("lab.yaml", textwrap.dedent(text))


def build(text):
    """The lab of an indented text. Raises LabError with all faults, a line each."""
    loaded = parse(text)
    try:
        return native.build(loaded.values, default="lab1")
    except Problems as problems:
        raise LabError(loaded.explain(problems)) from None


def faults(text):
    """What is wrong with a text, a line each."""
    try:
        build(text)
    except LabError as error:
        return str(error).splitlines()
    return []


def load(path):
    """The lab in a file, and warnings."""
    loaded = document.load(str(path))
    values, warnings = loaded.values, []
    if containerlab.is_containerlab(values):
        values, warnings = containerlab.translate(values)
    return native.build(values, default=document.default_name(str(path))), warnings


class RecordedState:
    """The record of a lab of an indented text, without a file."""

    def __init__(self, text):
        self.plan = {"values": parse(text).values}
        self.name = "lab1"
        self.folder = pathlib.Path("/nonexistent/tapswitch-lab-test")

    def lab(self):
        """A new model of it."""
        return native.build(self.plan["values"], default=self.name)
