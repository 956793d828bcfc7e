"""Namespaces of its own for a benchmark that is one program, and commands in them."""

import os
import subprocess
import sys

INSIDE = "TAPSWITCH_OWN_NAMESPACES"


def run(*command):
    """Returns what the command prints. CalledProcessError if it fails."""
    return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True).stdout


def enter_own_namespaces():
    """Starts the program again in a network and a mount namespace, unless it is there.

    There /run is empty but for the folder of ip-netns(8). It all ends with the program."""
    if os.environ.get(INSIDE) is None:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.makedirs("/run/netns")
