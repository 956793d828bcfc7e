"""The record of a lab: what it is made of is written here before anything is made.

The folder of a lab has:

  plan.json   its name, its file's values, and whatever `down` has to remove
  *.pid       a process: its pid, and its start time in clock ticks since boot
  *.log       the output of a process
  nodes/      files of nodes
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import time

from tapswitch_lab import classic, native
from tapswitch_lab.errors import LabError

RUNTIME = pathlib.Path("/run/tapswitch")
LABS = RUNTIME / "labs"
LOCK_SECONDS = 60


def folder_of(name):
    """The folder of the lab `name`."""
    return RUNTIME / "lab" if name == classic.NAME else LABS / name


def names():
    """The labs that there is a record of."""
    found = [classic.NAME] if folder_of(classic.NAME).is_dir() else []
    with contextlib.suppress(FileNotFoundError):
        found += sorted(path.name for path in LABS.iterdir() if path.is_dir())
    return found


class State:
    """The record of one lab, which need not exist."""

    def __init__(self, name):
        self.name = name
        self.folder = folder_of(name)
        self.plan = {}

    @property
    def exists(self):
        """Whether a lab was begun."""
        return (self.folder / "plan.json").exists()

    def read(self):
        """Reads the record. Raises LabError if there is none."""
        try:
            self.plan = json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise LabError(f"there is no lab '{self.name}'; make one: tapswitch-lab up "
                           f"{'3' if self.name == classic.NAME else '-f FILE'}") from None
        except ValueError as error:
            raise LabError(f"{self.folder}/plan.json is damaged: {error}") from None
        return self

    def write(self, **changes):
        """Changes the record, all at once."""
        self.plan.update(changes)
        new = self.folder / ".plan.json"
        new.write_text(json.dumps(self.plan, indent=1), encoding="utf-8")
        new.rename(self.folder / "plan.json")

    def lab(self):
        """The model of the lab that was recorded."""
        if self.plan.get("classic"):
            return classic.lab(**self.plan["classic"])
        return native.build(self.plan["values"], self.name)

    @property
    def mark(self):
        """The alias by which the lab knows its namespaces."""
        return "tapswitch lab" if self.name == classic.NAME else f"tapswitch lab {self.name}"

    def remove(self):
        """Forgets the lab; its plan last, so that an interrupted `down` can be repeated."""
        plan = self.folder / "plan.json"
        for path in self.folder.glob("*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path != plan:
                path.unlink(missing_ok=True)
        (self.folder / ".plan.json").unlink(missing_ok=True)
        plan.unlink(missing_ok=True)
        self._remove_empty_folders()

    def _remove_empty_folders(self):
        for folder in (self.folder, LABS, RUNTIME):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def node_folder(self, node):
        """Where the node's commands find its files."""
        return self.folder / "nodes" / node.name

    @contextlib.contextmanager
    def locked(self):
        """Keeps other `up` and `down` of this lab out, and waits for one that is at work.

        The lock ends with this process and its children, which release it when they become another
        program. So a child that has not yet recorded itself holds it.
        """
        descriptor = self._lock(time.monotonic() + LOCK_SECONDS)
        try:
            yield
        finally:
            if not self.exists:
                self._remove_empty_folders()
            os.close(descriptor)

    def _lock(self, deadline):
        while time.monotonic() < deadline:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except FileNotFoundError:
                continue
            except BlockingIOError:
                os.close(descriptor)
                time.sleep(0.05)
                continue
            if _is_same(descriptor, self.folder):
                return descriptor
            os.close(descriptor)
        raise LabError(f"another up or down of '{self.name}' is at work; try again when it is done")


def _is_same(descriptor, path):
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    return False


def choose(name):
    """The record of the lab `name`, or of the only one that there is."""
    name = name or os.environ.get("TAPSWITCH_LAB")
    if name:
        return State(name).read()
    there = [known for known in names() if State(known).exists]
    if not there:
        raise LabError("there is no lab; make one: tapswitch-lab up 3, or up -f FILE")
    if len(there) > 1:
        raise LabError(f"several labs are up; say --name with one of {', '.join(there)}")
    return State(there[0]).read()
