"""A YAML file as plain values, which knows the line and column of each.

All scalars stay the text that was written. The schema says which of them are numbers or booleans,
so that 10:20, on or 52:54:00:00:00:01 are not mistaken for something else, as YAML 1.1 does.
"""

import pathlib

from tapswitch_lab.errors import FileError, LabError

MAX_VALUES = 200_000  # a file of aliases of aliases may mean many more than it has bytes
MAX_BYTES = 4 << 20
NULLS = ("", "~", "null", "Null", "NULL")


class Document:
    """The values of one file."""

    def __init__(self, name, values, marks):
        self.name = name
        self.values = values
        self._marks = marks

    def place(self, path):
        """Line and column, from 1, of what `path` means, or of the nearest thing around it."""
        path = tuple(path)
        while path:
            for candidate in (path, ("topology", *path)):
                if candidate in self._marks:
                    return self._marks[candidate]
            path = path[:-1]
        return 1, 1

    def explain(self, problems):
        """A line for each fault, as compilers write it."""
        lines = []
        for path, text in problems.found[:20]:
            line, column = self.place(path)
            lines.append(f"{self.name}:{line}:{column}: {text}")
        return "\n".join(dict.fromkeys(lines))


class _Reader:
    """Turns the nodes of PyYAML into values, and notes where they are."""

    def __init__(self, name, yaml):
        self.name = name
        self.yaml = yaml
        self.marks = {}
        self.count = 0

    def fail(self, mark, text):
        raise FileError(f"{self.name}:{mark.line + 1}:{mark.column + 1}: {text}")

    def read(self, node, path):
        self.count += 1
        if self.count > MAX_VALUES:
            self.fail(node.start_mark, f"more than {MAX_VALUES} values: aliases of aliases?")
        self.marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, self.yaml.MappingNode):
            return self.read_mapping(node, path)
        if isinstance(node, self.yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return None if not node.style and node.value in NULLS else node.value

    def read_mapping(self, node, path):
        values, merged = {}, []
        for key, value in node.value:
            if not isinstance(key, self.yaml.ScalarNode):
                self.fail(key.start_mark, "a key has to be a word")
            if key.value == "<<":
                merged.append(value)
                continue
            if key.value in values:
                self.fail(key.start_mark, f"'{key.value}' is here a second time: remove one")
            self.marks[(*path, key.value, "#key")] = (
                key.start_mark.line + 1, key.start_mark.column + 1)
            values[key.value] = self.read(value, (*path, key.value))
        for value in merged:
            self.merge(value, path, values)
        return values

    def merge(self, node, path, values):
        """Adds what '<<' names, where the mapping itself has no such key."""
        parts = node.value if isinstance(node, self.yaml.SequenceNode) else [node]
        for part in parts:
            if not isinstance(part, self.yaml.MappingNode):
                self.fail(part.start_mark, "'<<' has to name a mapping")
            for key, value in self.read_mapping(part, path).items():
                values.setdefault(key, value)


def yaml_library():
    """PyYAML, or a sentence on how to get it."""
    try:
        import yaml
    except ImportError:
        raise LabError(
            "python3-yaml is missing, which reads the file: apt-get install python3-yaml") from None
    return yaml


def parse(name, text):
    """The document of that text. Raises LabError with line and column where it is no YAML."""
    yaml = yaml_library()
    reader = _Reader(name, yaml)
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.problem, error.context) if part)
        raise FileError(f"{name}:{mark.line + 1}:{mark.column + 1}: not YAML: {said}") from None
    except (yaml.YAMLError, RecursionError) as error:
        said = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise FileError(f"{name}:1:1: not YAML: {said}") from None
    if not isinstance(node, yaml.MappingNode):
        raise FileError(f"{name}:1:1: a lab's file is a mapping, with 'nodes:' and 'links:'")
    try:
        return Document(name, reader.read(node, ()), reader.marks)
    except RecursionError:
        raise FileError(f"{name}:1:1: nested too deeply") from None


def load(path):
    """The document in the file at `path`; '-' is standard input."""
    try:
        if path == "-":
            import sys
            return parse("stdin", sys.stdin.read(MAX_BYTES))
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise LabError(f"{path}: more than {MAX_BYTES >> 20} MiB: this is no lab's file")
    try:
        return parse(path, content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content[:error.start].count(b"\n") + 1
        raise FileError(f"{path}:{line}:1: not UTF-8") from None


def default_name(path):
    """The name of a lab whose file has none: that of the file."""
    name = pathlib.Path(path).name
    for suffix in (".yaml", ".yml", ".clab"):
        name = name.removesuffix(suffix)
    return name
