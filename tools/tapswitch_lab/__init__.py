"""Labs on tapswitch: hosts, switches and links from one file. See tapswitch-lab(1)."""
