#!/usr/bin/env bash
# bench/throughput/run in short: every workload gives a figure for every peer that can run here, and
# nothing is left behind. How large the figures are says nothing in a test.
#
# Usage: bench_test.sh BUILD_FOLDER
set -euo pipefail

readonly build=$1
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly run=$repository/bench/throughput/run
folder=$(mktemp -d)
readonly folder
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# check PEERS WORKLOADS: each pair has a row.
check() {
  echo "--- $1: $2"
  "$run" --build "$build" --peers "$1" --workloads "$2" --rounds 1 --seconds 0.2 --patience 0 \
    --foreign 99 --json "$folder/result.json" --markdown "$folder/result.md" \
    --svg "$folder/result.svg" || fail "$1: $2"
  python3 - "$folder/result.json" "$1" "$2" <<'END' || fail "rows are missing"
import json, sys
rows = json.load(open(sys.argv[1]))["results"]
for peer in sys.argv[2].split(","):
    for workload in sys.argv[3].split(","):
        found = [row for row in rows if row["peer"] == peer and row["series"].startswith(workload)]
        # A machine that is busy enough loses frames at any rate.
        may_be_zero = workload == "noloss-64"
        if not found or any(row["median"] <= 0 and not may_be_zero for row in found):
            sys.exit(f"{workload} of {peer}: {found}")
END
  [[ $(head -c 100 "$folder/result.svg") == *xml* ]] || fail 'no plot'
  grep -q '^| workload |' "$folder/result.md" || fail 'no table'
}

main() {
  local program
  [[ $(id -u) == 0 ]] || { echo 'skipped: needs root' && exit 77; }
  for program in python3 iperf3 gnuplot ping ip; do
    type -P "$program" >/dev/null || { echo "skipped: no $program" && exit 77; }
  done
  local before after
  before=$(ip netns list | grep -c '^tsb' || true)
  check relay,tapswitch,tapswitch-epoll,tapswitch-nogro,tapswitch-busy l2-64,udp64
  check bridge,tapswitch udp1400,udp-gso,l2-1514,tcp1,tcp4,tcp-bidi,mesh4,bcast-8,noloss-64
  check bridge,tapswitch latency,latency-half,l2-64-10k,learn-64,addresses
  if type -P ovs-vswitchd vde_switch >/dev/null; then check bridge,ovs,ovs-tso,vde l2-64; fi
  after=$(ip netns list | grep -c '^tsb' || true)
  ((after <= before)) || fail "namespaces are left: $(ip netns list)"
}

main
