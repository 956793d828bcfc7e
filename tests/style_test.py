#!/usr/bin/env python3
"""Checks what can be checked of the project's style by a machine.

  columns   A line has at most 100 columns. Rows of tables in Markdown may be longer.
  blanks    A line has no tab and no blank at its end.
  header    A header begins with a comment. Its first sentence ends with a full stop.
  opening   A comment in front of a declaration in a header, and the one at the header's top, begin
            with what they describe, not with "Of", "Who", "Where", "What", "As" or "The same".
  word      Comments and names use technical words, not household words such as "mend".
  name      Two classes have different names, also when they are local to their files.
  modules   A folder of sources has at most 16 modules. A module is a header with its source.
  length    A source file or a script has at most 400 lines.

Folders that are not clean yet are listed in NOT_YET_CLEAN; files, folders and names that may break
a rule in the other lists below, with the reason. An entry of any list that is not needed any more
is an error, so what became clean leaves its list for good.

Usage: style_test.py [FOLDER]    the tree to check, by default the one this file is in
"""

import collections
import pathlib
import re
import sys
import tempfile

MAX_COLUMNS = 100
MAX_LINES = 400
MAX_MODULES = 16

TOPS = ("switch", "ports", "tools", "tests", "bench")
SOURCES = (".h", ".cc")
TEXTS = SOURCES + (".py", ".sh", ".md", ".txt", ".cmake", ".in", ".example")
SKIPPED = ("tests/fuzz/corpus",)
THIS = "tests/style_test.py"  # names what it forbids

# By rule: folders whose own files break it still. Folders below them are not meant.
NOT_YET_CLEAN = {
    "columns": (
        "", "bench", "bench/throughput", "switch/control", "tests/net", "tests/regression",
        "tests/vm",
    ),
    "word": ("tests/net", "tests/unit/ports/interface", "tests/vm"),
}

# Files that may be longer, and why.
LONG_FILES = {
    "switch/control/rpc/control_socket.cc": "one class: its clients' limits depend on each other",
    "tests/net/lab_file_test.sh": "one lab, which is made once and then looked at from all sides",
    "tests/net/port_queues_test.cc": "tests of one fixture",
    "tests/net/tap_device_test.cc": "tests of one fixture",
    "tests/property/kernel_programs_property_test.cc": "one model, and what it does at random",
    "tests/unit/ports/interface/netdev_port_test.cc": "tests of one fixture",
    "tests/unit/ports/ring/ring_conformance_test.cc": "the contract of one interface",
    "tests/unit/ports/ring/ring_conformance_wait_test.cc": "the contract of one interface",
    "tests/unit/switch/forwarding/egress/egress_builder_test.cc": "tests of one fixture",
    "tests/vm/guests_test.sh": "one boot of guests, of which each step needs the ones before",
    "tests/vm/howto_test.sh": "carries out one document, in its order",
}

# Folders that may have more modules, and why.
CROWDED_FOLDERS = {}

# Names that several files may use for a class, and why.
SHARED_NAMES = {
    "FreeCapabilities": "a deleter; the helper of QEMU does not link the switch's process",
    "NeighbourMessage": "the allow list has its own reader, which believes less",
    "Packet": "one is in the namespace pcapng",
    "UpperLayer": "the allow list has its own reader, which believes less",
}

BAD_OPENING = re.compile(r"(Of|Who|Whoever|Where|What|As|The same)\b")
HOUSEHOLD = re.compile(
    r"(?i:\b(mend(s|ed|ing)?|heed(s|ed|ing)?|(let|lets|letting)( \w+)? go)\b)|"
    r"\b\w*(Heed|Mend|LetGo|SetStreaming|TurnAway|MayTeach|NoteStranger|TellDrained)(?![a-z])\w*|"
    r"\bLetter\b")
CLASS = re.compile(r"(?:class|struct)\s+(?:\[\[\w+\]\]\s+)?(\w+)(?:\s+final)?\s*(?::(?!:)|\{|$)")


def files_of(tree):
    """Yields the path of each text of the project, relative to `tree`."""
    found = list(tree.glob("*.md")) + list(tree.glob("CMakeLists.txt"))
    for top in TOPS:
        found += (path for path in (tree / top).rglob("*") if path.is_file())
    for path in sorted(found):
        name = path.relative_to(tree).as_posix()
        if name.startswith(SKIPPED):
            continue
        if path.suffix in TEXTS or (not path.suffix and path.read_bytes().startswith(b"#!")):
            yield name


def check_lines(name, lines):
    """Yields what is wrong with single lines, as (line number, rule, complaint)."""
    for number, line in enumerate(lines, 1):
        is_row = name.endswith(".md") and line.startswith("|")
        if len(line) > MAX_COLUMNS and not is_row:
            yield number, "columns", f"has {len(line)} columns: {MAX_COLUMNS} are allowed"
        if "\t" in line or line != line.rstrip():
            yield number, "blanks", "has a tab, or a blank at its end"
        word = HOUSEHOLD.search(line)
        if word and name != THIS:
            yield number, "word", f"says '{word[0]}': use a technical word"


def check_header(lines):
    """Yields what is wrong with the comment at the top of a header."""
    top = []
    for line in lines:
        if not re.match(r"// \S", line):
            break
        top.append(line[3:])
    if not top:
        yield 1, "header", "has no comment at its top that says what it is for"
    elif not re.search(r"[.:]( |$)", " ".join(top)):
        yield 1, "header", "begins with a sentence that has no full stop"


def check_openings(lines):
    """Yields the comments of a header that do not begin with what they describe."""
    was_comment = False
    for number, line in enumerate(lines, 1):
        comment = re.match(r"\s*// ?(.*)", line)
        bad = comment and not was_comment and BAD_OPENING.match(comment[1])
        if bad:
            yield number, "opening", f"begins with '{bad[0]}': begin with what it describes"
        was_comment = bool(comment)


def check_file(name, lines):
    yield from check_lines(name, lines)
    if name.endswith(".h"):
        yield from check_header(lines)
        yield from check_openings(lines)
    is_program = name.endswith(SOURCES + (".py", ".sh")) or lines[:1] and lines[0].startswith("#!")
    if is_program and len(lines) > MAX_LINES:
        yield len(lines), "length", f"has {len(lines)} lines: {MAX_LINES} are allowed"


def check_names(texts):
    """Yields each definition of a class whose name another file uses for one."""
    places = collections.defaultdict(list)
    for name, lines in texts.items():
        if name.endswith(SOURCES) and not name.startswith(("tests/", "bench/")):
            for number, line in enumerate(lines, 1):
                definition = CLASS.match(line)
                if definition:
                    places[definition[1]].append((name, number))
    for noun, uses in places.items():
        if len({name for name, _ in uses}) > 1:
            for name, number in uses[1:]:
                yield name, number, "name", f"defines '{noun}', as {uses[0][0]} does"


def check_modules(texts):
    """Yields each folder of sources that has too many modules."""
    modules = collections.defaultdict(set)
    for name in texts:
        folder, _, file = name.rpartition("/")
        if name.endswith(SOURCES) and not name.startswith("tests/"):
            modules[folder].add(file.rpartition(".")[0])
    for folder, stems in modules.items():
        if len(stems) > MAX_MODULES:
            complaint = f"has {len(stems)} modules: {MAX_MODULES} are allowed"
            yield f"{folder}/", 0, "modules", complaint


def violations(tree):
    """All that is wrong in `tree`, as (file, line number, rule, complaint)."""
    texts = {name: (tree / name).read_text(encoding="utf-8").split("\n")
             for name in files_of(tree)}
    texts = {name: lines[:-1] if lines[-1] == "" else lines for name, lines in texts.items()}
    found = [(name, *complaint)
             for name, lines in texts.items() for complaint in check_file(name, lines)]
    return found + list(check_names(texts)) + list(check_modules(texts))


class Excuses:
    """The lists of what may break a rule, and what of them is needed."""

    def __init__(self, not_yet_clean, long_files, crowded_folders, shared_names):
        self.lists = {"LONG_FILES": long_files, "CROWDED_FOLDERS": crowded_folders,
                      "SHARED_NAMES": shared_names}
        for rule, folders in not_yet_clean.items():
            self.lists[f"NOT_YET_CLEAN['{rule}']"] = folders
        self.needed = set()

    def excuse(self, violation):
        """Whether an entry of a list allows it."""
        name, _, rule, complaint = violation
        folder = name.rpartition("/")[0]
        wanted = {"length": ("LONG_FILES", name), "modules": ("CROWDED_FOLDERS", folder),
                  "name": ("SHARED_NAMES", complaint.split("'")[1] if rule == "name" else "")}
        entries = {wanted.get(rule), (f"NOT_YET_CLEAN['{rule}']", folder)} - {None}
        found = {(which, entry) for which, entry in entries if entry in self.lists.get(which, ())}
        self.needed |= found
        return bool(found)

    def stale(self):
        """Yields a line for each entry that has excused nothing."""
        for which, entries in self.lists.items():
            for entry in entries:
                if (which, entry) not in self.needed:
                    yield f"{THIS}: '{entry}' needs no excuse any more: take it off {which}"


def judge(tree, excuses):
    """Returns a line for all that is wrong in `tree` and is not excused, and for stale excuses."""
    complaints = [f"{name}:{number}: {complaint} ({rule})"
                  for name, number, rule, complaint in violations(tree)
                  if not excuses.excuse((name, number, rule, complaint))]
    return complaints + list(excuses.stale())


GOOD_HEADER = """// Ports by their names.
//
// Where this paragraph begins is free.

#pragma once

// A port. What follows the first sentence is free.
class Port {
  // The settings of a port.
  struct Options {};
  struct Other final : Options {};  // Of no importance.
};
class Elsewhere;
"""

# (file, its text, the rules that it breaks)
PLANTS = (
    ("ports/good.h", GOOD_HEADER, ()),
    ("ports/good.cc", '// Mendel, Letters, an amendment\nstruct Lane {};\n' + "x\n" * 390, ()),
    ("ports/README.md", f"| {'x' * 120} |\n", ()),
    ("ports/nested.cc", "struct Port::Inbox {\n};\n  struct Lane {};\n", ()),
    ("tests/good.cc", "class Lane {};\n", ()),
    ("tools/picture.bin", "\t" + "x" * 120, ()),
    ("tests/fuzz/corpus/a.txt", "\t" + "x" * 120, ()),
    ("tools/script", "#!/bin/sh\n# " + "x" * 99 + "\n", ("columns",)),
    ("tools/notes.md", "x" * 101, ("columns",)),
    ("tests/tab.sh", "\techo\n", ("blanks",)),
    ("switch/blank.cc", "int x; \n", ("blanks",)),
    ("switch/bare.h", "#pragma once\n// A comment.\n", ("header",)),
    ("switch/unfinished.h", "// Something that\n\n#pragma once\n", ("header",)),
    ("switch/of.h", "// Of the ports.\n", ("opening",)),
    ("switch/where.h", "// A file.\n\n  // Where it is.\nint x;\n", ("opening",)),
    ("switch/same.h", "// A file.\nint y;\n// The same without waiting.\nint x;\n", ("opening",)),
    ("switch/as.h", "// A file.\nint y;\n// As it is.\nint x;\n", ("opening",)),
    ("switch/what.h", "// A file.\nint y;\n// What it costs.\nint x;\n", ("opening",)),
    ("switch/who.h", "// A file.\nint y;\n// Who it is.\nint x;\n", ("opening",)),
    ("switch/mend.cc", "// It is mended later.\n", ("word",)),
    ("switch/go.md", "Until it lets go of it.\n", ("word",)),
    ("switch/go.cc", "// Let it go.\n", ("word",)),
    ("switch/heed.cc", "void HeedAlarms();\n", ("word",)),
    ("switch/lane.cc", "namespace {\nclass Lane final : public Port {\n}\n", ("name",)),
    ("switch/long.cc", "x\n" * 401, ("length",)),
    ("tests/long.sh", "x\n" * 401, ("length",)),
    ("tools/long", "#!/bin/sh\n" + "x\n" * 400, ("length",)),
    ("tools/long.md", "x\n" * 401, ()),
    *((f"bench/crowd/m{n}.cc", "", ("modules",) if n == 0 else ()) for n in range(17)),
)


def check_the_check():
    """A check that cannot fail says nothing: plants faults among good files, to be found."""
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        for name, text, _ in PLANTS:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text, encoding="utf-8")
        found = {(name, rule) for name, _, rule, _ in violations(tree)}
    planted = {(name, rule) for name, _, rules in PLANTS for rule in rules}
    planted = {(f"{name.rpartition('/')[0]}/" if rule == "modules" else name, rule)
               for name, rule in planted}
    for name, rule in sorted(planted - found):
        print(f"this check is broken: it does not find '{rule}' in {name}")
    for name, rule in sorted(found - planted):
        print(f"this check is broken: it finds '{rule}' in {name}")
    return found == planted and check_the_excuses()


def check_the_excuses():
    """An excuse that is needed hides a fault, and one that is not is itself a fault."""
    excuses = ({"columns": ("ports",)}, ("ports/long.sh",), ("bench",), ("Lane",))
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        stale = judge(tree, Excuses(*excuses))
        for name, text in (("ports/wide.cc", "x" * 101), ("ports/long.sh", "x\n" * 401),
                           ("ports/lane.cc", "struct Lane {};\n"),
                           ("ports/other.cc", "struct Lane {};\n"),
                           *((f"bench/m{n}.cc", "") for n in range(17))):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text, encoding="utf-8")
        hidden = judge(tree, Excuses(*excuses))
    if len(stale) != len(excuses):
        print("this check is broken: of four stale excuses it finds", *stale, sep="\n")
    for line in hidden:
        print(f"this check is broken: it does not excuse {line}")
    return len(stale) == len(excuses) and not hidden


def main():
    tree = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    if not check_the_check():
        return 1
    complaints = judge(tree, Excuses(NOT_YET_CLEAN, LONG_FILES, CROWDED_FOLDERS, SHARED_NAMES))
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
