"""Where one speaks to the virtual machines of a lab: who may connect there has QEMU's rights."""


def guests_folder(state):
    """What tools/guest knows of the lab's machines."""
    return state.folder / "guests"


def folder(state):
    """The sockets that the lab itself has QEMU open."""
    return state.folder / "qemu"


def prepare(state):
    """Makes the folder. A switch without root's rights may pass it, to its own guests' sockets."""
    folder(state).mkdir(exist_ok=True)
    folder(state).chmod(0o711)


def qmp_of(node, state):
    """The socket of a machine's QMP monitor."""
    return folder(state) / f"{node.name}.qmp"


def console_of(node, state):
    """The socket of a machine's serial console."""
    if node.qemu:
        return folder(state) / f"{node.name}.console"
    return guests_folder(state) / node.name / "console"
