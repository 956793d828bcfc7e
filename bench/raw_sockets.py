"""Sockets for raw frames, in namespaces of ip-netns(8), and many frames in one call."""

import contextlib
import ctypes
import os
import socket

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(name):
    """Has this thread in a namespace meanwhile; sockets that it opens stay there."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if LIBC.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {name}")
        yield
    finally:
        LIBC.setns(own, CLONE_NEWNET)
        os.close(own)
        os.close(there)


def packet_socket(interface, protocol=0):
    """Receives frames of an EtherType; without one it only sends."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    opened.bind((interface, protocol))
    return opened


class IoVector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32),
                ("vectors", ctypes.POINTER(IoVector)), ("vector_count", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("padding", ctypes.c_int),
                ("result", ctypes.c_uint), ("padding2", ctypes.c_uint)]  # struct mmsghdr


class Batch:
    """Frames that one call of sendmmsg(2) sends."""

    def __init__(self, frames):
        self.frames = frames
        self.messages = (Message * len(frames))()
        for message, frame in zip(self.messages, frames):
            message.vectors = ctypes.pointer(IoVector(frame, len(frame)))
            message.vector_count = 1

    def send(self, sender, count=None):
        """Sends the first `count` of them, or all."""
        LIBC.sendmmsg(sender.fileno(), self.messages,
                      len(self.frames) if count is None else count, 0)
