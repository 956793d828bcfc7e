"""Names on the command line, and the classes that they choose."""

from harness.lab import BenchError


def choose(names, classes, kind):
    by_name = {one.name: one for one in classes}
    for name in names.split(","):
        if name not in by_name:
            raise BenchError(f"no {kind} '{name}'; there are {', '.join(by_name)}")
    return [by_name[name] for name in dict.fromkeys(names.split(","))]
