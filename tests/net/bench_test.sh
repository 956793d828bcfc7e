#!/usr/bin/env bash
# bench/throughput/run and scale in short: every workload gives a figure for every peer that can run
# here, and nothing is left behind. How large the figures are says nothing in a test.
#
# Usage: bench_test.sh BUILD_FOLDER
set -euo pipefail

readonly build=$1
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly throughput=$repository/bench/throughput
folder=$(mktemp -d)
readonly folder
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# measure PROGRAM OPTION...: runs it in short, and it leaves no namespace of its own behind; another
# benchmark may have some meanwhile.
measure() {
  local left pid status=0
  "$throughput/$1" --build "$build" --rounds 1 --seconds 0.2 --patience 0 --foreign 99 \
    --json "$folder/result.json" --markdown "$folder/result.md" --svg "$folder/result.svg" \
    "${@:2}" &
  pid=$!
  wait "$pid" || status=$?
  ((status == 0)) || fail "$*: status $status"
  left=$(ip netns list | grep "^tsb$pid-" || true)
  [[ -z $left ]] || fail "namespaces are left: $left"
  [[ $(head -c 100 "$folder/result.svg") == *xml* ]] || fail 'no plot'
}

# check PEERS WORKLOADS: each pair has a row.
check() {
  echo "--- $1: $2"
  measure run --peers "$1" --workloads "$2"
  python3 - "$folder/result.json" "$1" "$2" <<'END' || fail "rows are missing"
import json, sys
rows = json.load(open(sys.argv[1]))["results"]
for peer in sys.argv[2].split(","):
    for workload in sys.argv[3].split(","):
        found = [row for row in rows if row["peer"] == peer and row["series"].startswith(workload)]
        # A machine that is busy enough loses frames at any rate.
        may_be_zero = workload in ("noloss-64", "learn-rate")
        if not found or any(row["median"] <= 0 and not may_be_zero for row in found):
            sys.exit(f"{workload} of {peer}: {found}")
END
  grep -q '^| workload |' "$folder/result.md" || fail 'no table'
}

# The last run, from its file: the same tables and the same picture. It differs from itself in nothing.
check_shown_again() {
  echo '--- shown again'
  "$throughput/run" --from "$folder/result.json" --markdown "$folder/again.md" \
    --plot "$folder/again.svg" >"$folder/again.txt"
  cmp "$folder/result.md" "$folder/again.md" || fail 'another table'
  cmp "$folder/result.svg" "$folder/again.svg" || fail 'another picture'
  grep -q '^paced-2k-p50  *tapswitch  <= 1.7 .*inconclusive$' "$folder/again.txt" ||
    fail 'no verdict'
  "$throughput/run" --compare "$folder/result.json" "$folder/result.json" >"$folder/again.txt"
  grep -q '^mixed-bulk  *tapswitch .* 1.00 .*x bridge  inconclusive$' "$folder/again.txt" ||
    fail 'no comparison'
}

# Every case has the figures that its peer can have.
check_scale() {
  echo '--- scale'
  measure scale --ports 2,5 --addresses 1,300
  python3 - "$folder/result.json" <<'END' || fail "figures are missing"
import json, sys
results = json.load(open(sys.argv[1]))["results"]
cases = sorted((one["over"], one["number"], one["peer"]) for one in results)
if cases != sorted([("ports", count, peer) for count in (2, 5) for peer in ("bridge", "tapswitch")]
                   + [("addresses", count, "tapswitch") for count in (1, 300)]):
    sys.exit(f"cases: {cases}")
for one in results:
    wanted = ["rate"] if one["peer"] == "bridge" else ["rate", "cost", "start_up", "idle_rss", "rss"]
    if any(not one["median"][figure] for figure in wanted):
        sys.exit(f"{one}")
END
  grep -q '^| over |' "$folder/result.md" || fail 'no table'
}

main() {
  local program
  [[ $(id -u) == 0 ]] || { echo 'skipped: needs root' && exit 77; }
  for program in python3 iperf3 gnuplot ping ip; do
    type -P "$program" >/dev/null || { echo "skipped: no $program" && exit 77; }
  done
  check relay,tapswitch,tapswitch-epoll,tapswitch-nogro,tapswitch-busy l2-64,udp64
  check bridge,tapswitch udp1400,udp-gso,l2-1514,tcp1,tcp4,tcp-bidi,mesh4,bcast-8,noloss-64
  check bridge,tapswitch rr1,rr16,rr1-tcp,rr16-tcp,paced-100,paced-2k,paced-20k,mixed
  check_shown_again
  check bridge,tapswitch latency,latency-sleep,latency-half,l2-64-10k,learn-64,learn-rate,addresses
  check tapswitch-netdev,tapswitch-netdev-epoll l2-64
  if type -P ovs-vswitchd vde_switch >/dev/null; then check bridge,ovs,ovs-tso,vde l2-64; fi
  check_scale
}

main
