#!/bin/bash
# tapswitchd on Debian 12's own kernel, 6.1: io_uring without multishot reads, TAPs that do not
# honour NOWAIT, and packet sockets that do not know segmentation of UDP. Every rung of the ladder of
# --io has to carry traffic there, and nothing of it may be lost because it was left uncut.
#
#   run-in-guest kernel_6_1_test.sh TAPSWITCHD DENY_IO_URING KERNEL_PATH_TEST [TEST_PROGRAM]...
#
# Runs in a guest of its own, where nothing has to be cleaned up. TEST_PROGRAMs are further tests
# that have to pass on this kernel. The first failure ends the test with the switch's log.

set -euo pipefail

readonly tapswitchd=$1 deny_io_uring=$2 kernel_path_test=$3
readonly test_programs=("${@:4}")
readonly log=/run/tapswitchd.log
readonly patience_s=60 # emulated processors, on a machine that may be busy
readonly hosts=(1 2 3)
bridge_pid=

fail() {
  echo "FAILED: $*"
  if [[ -s $log ]]; then
    echo "--- the switch's log"
    cat "$log"
  fi
  exit 1
}

# expect WHAT COMMAND...: COMMAND succeeds.
expect() {
  local -r what=$1
  shift
  local output
  output=$("$@" 2>&1) || fail "$what: $* ends with $?: $output"
  echo "ok: $what"
}

eventually() {
  local -r deadline=$((SECONDS + patience_s))
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

on() { ip netns exec "h$1" "${@:2}"; }

# --- the switch -----------------------------------------------------------------------------------

is_ready_or_gone() { grep -q ready "$log" || ! kill -0 "$bridge_pid" 2>/dev/null; }

# start_switch IO [WRAPPER]: hosts h1 to h3 joined by a switch with --io=IO, run through WRAPPER: two
# by TAPs, the last by an interface that exists.
start_switch() {
  local -r io=$1
  local -r wrapper=("${@:2}")
  local ports=() host
  for host in "${hosts[@]}"; do
    ip netns add "h$host"
    # The kernel's own IPv6 traffic would blur the counts; the tests' addresses are set by hand.
    on "$host" busybox sysctl -qw net.ipv6.conf.default.{router_solicitations=0,accept_dad=0}
    ports+=("vnet$host,netns=h$host,mtu=9000")
  done
  # The last host is attached by a veth pair.
  add_veth
  ports[2]=netdev:vnet3
  : >"$log"
  "${wrapper[@]}" "$tapswitchd" --name=vm --io="$io" "${ports[@]}" >"$log" 2>&1 &
  bridge_pid=$!
  eventually is_ready_or_gone || fail "--io=$io: not ready after $patience_s s"
  kill -0 "$bridge_pid" 2>/dev/null || fail "--io=$io: ended instead of getting ready"
  for host in "${hosts[@]}"; do
    on "$host" ip address add "10.61.0.$host/24" broadcast + dev "vnet$host"
    on "$host" ip address add "fd61::$host/64" dev "vnet$host" nodad
  done
}

no_tap_is_left() {
  local host
  for host in $(ip netns list | sed -n 's/^h\([0-9]*\).*/\1/p'); do
    [[ -z $(on "$host" ip -oneline link show type tun) ]] || return 1
  done
}

# Whether the other end of the veth pair leaves TCP and UDP to be cut by others: on or off.
peer_segmentation_is() {
  local features
  features=$(on 3 ethtool -k vnet3) || return 1
  [[ $features == *"tx-udp-segmentation: $1"* && $features == *"tcp-segmentation-offload: $1"* ]]
}

gro_is_off() { [[ $(ethtool -k vnet3) == *"generic-receive-offload: off"* ]]; }

add_veth() {
  ip link add vnet3 up mtu 9000 type veth peer name vnet3 mtu 9000 netns h3
  ip -n h3 link set vnet3 up
}

host_is_not_excluded() { ! tc qdisc show dev vnet3 | grep clsact; }

stop_switch() {
  local status=0
  kill -TERM "$bridge_pid"
  wait "$bridge_pid" || status=$?
  ((status == 0)) || fail "SIGTERM: exit status $status"
  echo "ok: SIGTERM ends it with status 0"
  # io_uring lets go of its files a moment after its process has ended.
  expect "no TAP is left" eventually no_tap_is_left
  expect "the host has its frames of vnet3 again" host_is_not_excluded
  expect "the other end of vnet3 has its segmentation again" \
    eventually peer_segmentation_is on
  expect "GRO of vnet3 is as it was" eventually gro_is_off
  ip link delete vnet3
  ip --all netns delete
}

# expect_log WHAT PATTERN...: one line of the log has all of the patterns.
expect_log() {
  local -r what=$1
  local lines pattern
  lines=$(<"$log")
  for pattern in "${@:2}"; do
    lines=$(grep -iE -- "$pattern" <<<"$lines") || fail "$what: no log line with ${*:2}"
  done
  echo "ok: $what: $lines"
}

# --- what it carries ------------------------------------------------------------------------------

# transfer FROM TO ADDRESS: a payload sent over TCP arrives as it was.
transfer() {
  local -r from=$1 to=$2 address=$3
  local receiver
  on "$to" socat -u TCP6-LISTEN:5061,reuseaddr CREATE:/run/received &
  receiver=$!
  on "$from" timeout "$patience_s" \
    socat -u OPEN:/run/payload "TCP:$address:5061,retry=$patience_s,interval=1" || return 1
  wait "$receiver" || return 1
  cmp /run/payload /run/received
}

# frames_received COMMAND...: what each host receives while COMMAND runs, as an array `frames`.
frames_received() {
  local host
  for host in "${hosts[@]}"; do frames[host]=$((-$(received_so_far "$host"))); done
  "$@" >/dev/null 2>&1 || true
  sleep 0.5
  for host in "${hosts[@]}"; do frames[host]=$((frames[host] + $(received_so_far "$host"))); done
}

received_so_far() { on "$1" cat "/sys/class/net/vnet$1/statistics/rx_packets"; }

check_flooding() {
  # Address resolution goes on beside the frames that are counted.
  local -r sent=100 stray=20
  local -r burst=(ping -q -c "$sent" -i 0.01 -W 1)
  local frames=() host
  frames_received on 1 "${burst[@]}" 10.61.0.2
  ((frames[3] < stray)) || fail "h3 sees ${frames[3]} frames of $sent pings between h1 and h2"
  echo "ok: a known station's frames reach nobody else"
  frames_received on 1 "${burst[@]}" -b 10.61.0.255
  for host in 2 3; do
    ((frames[host] >= sent && frames[host] < sent + stray)) ||
      fail "h$host sees ${frames[host]} frames of $sent broadcasts of h1"
  done
  echo "ok: a broadcast reaches each other host once"
  ((frames[1] < stray)) || fail "h1 sees ${frames[1]} frames of its $sent broadcasts"
  echo "ok: a broadcast does not come back"
}

cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$bridge_pid/stat"; }

# A ring that takes a level for an edge, or the reverse, either hangs or spins.
check_rest() {
  local before
  before=$(cpu_ticks)
  sleep 3
  local -r used=$(($(cpu_ticks) - before)) per_second=$(getconf CLK_TCK)
  ((used < per_second)) || fail "the idle switch used $used of $((3 * per_second)) ticks"
  echo "ok: an idle switch rests"
}

check_traffic() {
  local ping=(ping -q -c 3 -i 0.1 -W "$patience_s") pair from to
  for pair in "1 2" "2 3" "3 1"; do
    read -r from to <<<"$pair"
    expect "h$from pings h$to, IPv4" on "$from" "${ping[@]}" "10.61.0.$to"
    expect "h$from pings h$to, IPv6" on "$from" "${ping[@]}" "fd61::$to"
  done
  expect "frames of 9000 bytes, IPv4" on 1 "${ping[@]}" -M "do" -s 8972 10.61.0.2
  expect "frames of 9000 bytes, IPv6" on 1 "${ping[@]}" -M "do" -s 8952 fd61::2
  expect "a TCP payload, IPv4" transfer 1 2 10.61.0.2
  expect "a TCP payload, IPv6" transfer 2 1 "[fd61::1]"
  check_flooding
  check_rest
}

# --- what is left uncut ---------------------------------------------------------------------------

check_segmentation() {
  expect_log "why UDP is not handed over uncut is said" 'do not take UDP' 'Linux 6.2'
  expect "the other end of a veth pair cuts what it sends" peer_segmentation_is off
  ip link delete vnet3
  add_veth
  expect "so does that of one that has come back" eventually peer_segmentation_is off
}

# Without the right to use bpf(2) the port is there all the same, and what to do is said.
check_without_bpf() {
  echo "== no CAP_BPF"
  ip netns add h3
  add_veth
  : >"$log"
  setpriv --bounding-set=-bpf,-sys_admin "$tapswitchd" --name=vm netdev:vnet3 >"$log" 2>&1 &
  bridge_pid=$!
  eventually is_ready_or_gone || fail "not ready after $patience_s s"
  kill -0 "$bridge_pid" 2>/dev/null || fail "ended instead of getting ready"
  expect_log "what is lost, and the cure, is said" warning 'port vnet3' 'not permitted' \
    'ethtool -K PEER tx-udp-segmentation off'
  expect "the other end is as it was" peer_segmentation_is on
  on 3 ethtool -K vnet3 tx-udp-segmentation off || fail "the cure cannot be carried out"
  on 3 ethtool -K vnet3 tx-udp-segmentation on
  stop_switch
}

# --- the ladder -----------------------------------------------------------------------------------

check_auto() {
  echo "== --io=auto"
  start_switch auto
  expect_log "the middle rung is chosen, and why is said" io_uring 'without multishot' 'Linux 6.7'
  check_traffic
  check_segmentation
  stop_switch
}

check_epoll() {
  echo "== --io=epoll"
  start_switch epoll
  expect_log "what was asked for is chosen" epoll
  check_traffic
  stop_switch
}

check_forbidden() {
  echo "== io_uring is forbidden"
  start_switch auto "$deny_io_uring"
  expect_log "epoll is chosen, and why is said" epoll io_uring 'not permitted'
  check_traffic
  stop_switch

  local status=0
  "$deny_io_uring" "$tapswitchd" --name=vm --io=uring vnet1 >"$log" 2>&1 || status=$?
  ((status == 1)) || fail "--io=uring: exit status $status instead of 1"
  (($(wc -l <"$log") == 1)) || fail "--io=uring: the error is not one line"
  expect_log "--io=uring is refused in one line" io_uring 'not permitted'
  [[ ! -e /sys/class/net/vnet1 ]] || fail "--io=uring: a TAP is left"
}

# By clsact, as there is no TCX: plain, and right into the station's end of a pair.
check_kernel_forwarding() {
  echo "== known conversations are carried by the kernel"
  local -r tests='*KernelForwardingTest.HostsReach*:*VethTest.HostsReach*:*VethTest.FramesTo*'
  "$kernel_path_test" --gtest_filter="$tests" >"$log" 2>&1 || fail "kernel_path_test ends with $?"
  if grep 'SKIPPED' "$log"; then fail "the kernel carries nothing"; fi
  echo "ok: $(grep PASSED "$log")"
}

check_programs() {
  local program
  for program in "${test_programs[@]}"; do
    echo "== $(basename "$program")"
    "$program" || fail "$program ends with $?"
  done
}

# These run by io_uring, which differs from that of newer kernels.
check_programs_of_this_kernel() {
  export TAPSWITCH_TEST_IO=uring
  check_kernel_forwarding
  check_programs
}

main() {
  local -r release=$(uname -r)
  [[ $release == 6.1.* ]] || fail "this is kernel $release, not 6.1: run it by run-in-guest"
  echo "ok: the kernel is $release"
  head -c 1M /dev/urandom >/run/payload
  check_auto
  check_epoll
  check_forbidden
  check_without_bpf
  check_programs_of_this_kernel
  echo "ok: all"
}

main
