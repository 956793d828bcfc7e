"""Turns a stream of pcap, as tcpdump writes it, into pcapng, while it comes in."""

import struct

MAGICS = {0xa1b2c3d4: 6, 0xa1b23c4d: 9}  # what a pcap begins with: digits behind the second
SECTION, INTERFACE, PACKET = 0x0a0d0d0a, 1, 6
BYTE_ORDER = 0x1a2b3c4d
NAME, RESOLUTION = 2, 9  # options of an interface


def _padded(data):
    return data + bytes(-len(data) % 4)


def _block(kind, body):
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code, value):
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _header(digits, snap_length, link_type, name):
    section = struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1)
    options = _option(NAME, name.encode()) + _option(RESOLUTION, bytes([digits])) + bytes(4)
    interface = struct.pack("<HHI", link_type, 0, snap_length) + options
    return _block(SECTION, section) + _block(INTERFACE, interface)


def _read(source, count):
    """So many bytes, or nothing if the stream ends before."""
    data = source.read(count)
    return data if len(data) == count else b""


def convert(source, target, name):
    """Writes to `target` what comes from `source`, a capture of the interface `name`, to its end.

    Each packet is passed on at once. A last one that is incomplete is left out.
    """
    start = _read(source, 24)
    if not start:
        return
    order = "<" if struct.unpack_from("<I", start)[0] in MAGICS else ">"
    magic, snap_length, link_type = struct.unpack(order + "I12xII", start)
    digits = MAGICS[magic]
    target.write(_header(digits, snap_length, link_type & 0xffff, name))
    target.flush()
    while head := _read(source, 16):
        second, fraction, captured, length = struct.unpack(order + "4I", head)
        data = _read(source, captured)
        if len(data) != captured:
            return
        moment = second * 10**digits + fraction
        body = struct.pack("<5I", 0, moment >> 32, moment & 0xffffffff, captured, length)
        target.write(_block(PACKET, body + _padded(data)))
        target.flush()
