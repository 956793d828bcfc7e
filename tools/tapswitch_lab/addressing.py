"""Gives addresses of the lab's subnets to hosts that have none."""

import ipaddress

MAX_TRIED = 70_000


def share_out(lab, subnets, complain):
    """Hosts without an address on their first interface get the next ones of each subnet."""
    for index, text in enumerate(subnets):
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            complain(("subnets", index), f"'{text}' is no network: {error}")
            continue
        _share_out_one(lab, network, complain, index)


def _share_out_one(lab, network, complain, index):
    taken = {address for node in lab.nodes.values() for address in node.addresses}
    free = (str(address) for address, _ in zip(network.hosts(), range(MAX_TRIED))
            if str(address) not in taken)
    for node in lab.of_kind("namespace", "vm"):
        first = next(iter(node.interfaces.values()), None)
        if first is None or first.dhcp or not _lacks(first, network.version):
            continue
        address = next(free, None)
        if address is None:
            complain(("subnets", index), f"{network} has no address left for '{node.name}'")
            return
        first.addresses.append(f"{address}/{network.prefixlen}")


def _lacks(interface, version):
    """Whether it has no address of that family but those that were shared out."""
    return not any((":" in address) == (version == 6) for address in interface.addresses)
