"""Pictures as files."""

import shutil
import subprocess
import sys

from harness.lab import BenchError
from harness.plot import WIDTH

PIXELS = 2 * WIDTH  # of the PNG: also sharp where the screen has small ones


def check_name(path):
    """BenchError where write() would not take it."""
    if path.suffix != ".svg":
        raise BenchError(f"--plot={path}: give a name that ends with .svg")


def write(svg, path):
    """The SVG, and a PNG beside it where something can convert it."""
    path.write_text(svg, encoding="utf-8")
    png = path.with_suffix(".png")
    for command in (("rsvg-convert", f"--width={PIXELS}", f"--output={png}", path),
                    ("inkscape", f"--export-width={PIXELS}", f"--export-filename={png}", path)):
        if shutil.which(command[0]):
            _convert(command)
            return


def _convert(command):
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"no PNG: {error}", file=sys.stderr)
