#!/usr/bin/env bash
# bench/netem in short: TCP over 20 ms and 1 % is as fast with `tapctl impair` as with tc-netem(8).
# So few losses say little, hence a factor of 1.5 each way: what this finds is a share or a delay
# that is another one, or frames in another order. The benchmark itself tells 10 %.
#
# Usage: netem_test.sh BUILD_FOLDER
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
result=$(mktemp -d)
readonly here result
# shellcheck source=tools/guest.d/kernel.sh
source "$here/../../tools/guest.d/kernel.sh"
require_guest_programs iperf3:iperf3 ethtool:ethtool tc:iproute2
trap 'rm -rf "$result"' EXIT

"$here/../../bench/netem" --build "$1" --rounds 1 --seconds 4 --cases ping,loss-1 \
  --json "$result/samples"
python3 - "$result/samples" <<'END'
import json, sys
samples = json.load(open(sys.argv[1]))["samples"]
for case, peers in samples.items():
    ratio = peers["tapswitch"][0]["value"] / peers["netem"][0]["value"]
    print(f"{case}: {ratio:.2f} of netem's")
    if not 1 / 1.5 < ratio < 1.5:
        sys.exit(f"FAILED: {case}: {peers}")
END
