#!/usr/bin/env bash
# tools/lab makes labs of files, and leaves nothing behind, whatever is killed. Each example of
# tools/doc/labs passes its own checks: that is a test of its own, which is skipped, with the reason
# said, where a program that the example needs is missing. Needs root; $TAPSWITCHD is the switch.
#
#   lab_file_test.sh [RULE...]         all rules, or these
#   lab_file_test.sh --example NAME
#
# Runs in network, mount and process namespaces of its own, with an empty /run.
set -euo pipefail

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root_dir
readonly lab=$root_dir/tools/lab
readonly examples=$root_dir/tools/doc/labs
readonly topologies=$root_dir/tests/unit/tools/lab/topologies

skip() {
  echo "skipped: $*"
  exit 77
}

fail() {
  echo "FAILED: $*" >&2
  tail -n 5 /run/tapswitch/labs/*/*.log >&2 2>/dev/null || true
  exit 1
}

# refuses PATTERN COMMAND...: it fails, and says something that matches.
refuses() {
  local error
  if error=$("${@:2}" 2>&1 >/dev/null); then fail "not refused: ${*:2}"; fi
  [[ $error == *$1* ]] || fail "${*:2}: '$error' should have '$1'"
}

wait_for() {
  local deadline=$((SECONDS + 60))
  until "$@"; do
    ((SECONDS < deadline)) || fail "not within 60 s: $*"
    sleep 0.01
  done
}

# Files in /run that no lab was to leave, namespaces, interfaces, and processes of labs.
leftovers() {
  find /run -mindepth 1 ! -path /run/netns ! -path /run/tapswitch ! -path /run/tapswitch/locks \
    ! -path '/run/frr*' ! -path '/run/test*' ! -path '/run/sanitizer*'
  ip -oneline link | grep -v -E ' (lo|tunl0|gre0|gretap0|erspan0|sit0|ip6tnl0|ip6gre0|ip_vti0|ip6_vti0):' || true
  find /proc/[0-9]*/exe -maxdepth 0 -printf '%l\n' 2>/dev/null |
    grep -E 'tapswitchd|dnsmasq|busybox|vpcs|zebra|ovs' || true
}

expect_nothing_left() {
  local i
  for ((i = 0; i < 100; ++i)); do
    [[ -n $(leftovers) ]] || return 0
    sleep 0.1
  done
  fail "left behind: $(leftovers)"
}

write_lab() {
  cat >/run/test.yaml <<END
name: $1
subnets: 10.0.0.0/24
nodes:
  sw1: {kind: switch}
  sw2: {kind: switch}
  h1: {commands: [{daemon: sleep 300}]}
  h2:
links:
  - {endpoints: [sw1, sw2]}
  - {endpoints: [h1, sw1]}
  - {endpoints: [h2, sw2]}
checks:
  - ping: {from: all, to: all}
END
}

# --- examples -------------------------------------------------------------------------------------

# missing EXAMPLE: the first program that it needs and that is not there.
missing() {
  local program needed=()
  case $1 in
    b1 | dhcp) needed=(dnsmasq busybox) ;;
    evpn) needed=(/usr/lib/frr/bgpd) ;;
    ospf) needed=(/usr/lib/frr/ospfd) ;;
    vpcs) needed=(vpcs script) ;;
    wan) needed=(iperf3) ;;
    neighbours) needed=(ovs-vswitchd ovsdb-server) ;;
    vms) needed=(qemu-system-x86_64 busybox iperf3 ethtool socat) ;;
  esac
  for program in "${needed[@]}"; do
    type -P "$program" >/dev/null || { echo "$program" && return; }
  done
  if grep --quiet 'impair:' "$examples/$1.yaml" && ! "${TAPCTL:-tapctl}" help impair >/dev/null 2>&1; then
    echo 'tapctl impair'
  fi
}

passes_its_checks() {
  "$lab" test --junit /run/test.xml >/run/test.log || fail "$(cat /run/test.log)"
  cat /run/test.log
  grep --quiet 'failures="0"' /run/test.xml || fail "$(cat /run/test.xml)"
}

# differs_not FILE: what runs is what the file says.
differs_not() {
  [[ -z $("$lab" diff -f "$1") ]] || fail "it differs from $1: $("$lab" diff -f "$1")"
}

# Its check of TCP notices a loss or a delay that is wrong by a factor of 2.
a_wan_that_is_another_fails() {
  local words
  for words in 'delay 50ms loss 0.5%' 'delay 50ms loss 2%' 'delay 25ms loss 1%' 'delay 100ms loss 1%'; do
    # shellcheck disable=SC2086  # several words
    "$lab" link set east:west impair $words
    ! "$lab" test >/run/test.log || fail "passed with $words: $(cat /run/test.log)"
    grep '^FAILED  TCP' /run/test.log || fail "TCP passed with $words: $(cat /run/test.log)"
  done
  "$lab" link set east:west impair delay 50ms loss 1%
}

# an_example_is_what_it_says NAME: whatever a user may ask of it.
an_example_is_what_it_says() {
  local -r file=$examples/$1.yaml
  local without
  without=$(missing "$1")
  [[ -z $without ]] || skip "the example $1 needs $without, which is missing"
  [[ $1 != container ]] || ip netns add web
  "$lab" up -f "$file" || fail 'it does not come up'
  "$lab" status >/run/test.log || fail "status: $(cat /run/test.log)"
  differs_not "$file"
  "$lab" save >/run/test.yaml
  differs_not /run/test.yaml
  "$lab" graph -o /run/test.svg
  python3 -c 'import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])' /run/test.svg ||
    fail 'the picture is no XML'
  passes_its_checks
  [[ $1 != wan ]] || a_wan_that_is_another_fails
  differs_not "$file"
  "$lab" down
  "$lab" up -f /run/test.yaml --name again || fail 'what is saved does not come up'
  "$lab" down
  [[ $1 != container ]] || ip netns delete web
  expect_nothing_left
}

# The file of what runs makes the same lab again.
what_is_saved_comes_up_again() {
  write_lab one
  "$lab" up -f /run/test.yaml >/dev/null
  "$lab" exec sw1 tapctl link set dev h1 isolated on
  "$lab" exec sw1 tapctl impair set dev sw2 ingress loss 1% seed 7
  "$lab" exec sw1 tapctl impair schedule dev sw2 at 900s loss 5% for 2s
  "$lab" exec sw2 tapctl impair set dev sw1 ingress delay 1ms
  "$lab" exec sw2 tapctl save | grep '^impair' >/run/test.impaired
  "$lab" exec sw1 tapctl save | grep '^impair' >>/run/test.impaired
  [[ $("$lab" diff -f /run/test.yaml) == *'sw1: tapctl impair del dev sw2 egress'* ]] ||
    fail "diff: $("$lab" diff -f /run/test.yaml)"
  "$lab" exec h1 ip address add 10.9.0.1/24 dev eth0
  "$lab" link set h2:sw2 down
  "$lab" save >/run/test2.yaml
  "$lab" down
  "$lab" up -f /run/test2.yaml >/dev/null
  [[ -z $("$lab" diff -f /run/test2.yaml) ]] || fail "it differs: $("$lab" diff -f /run/test2.yaml)"
  [[ $("$lab" exec sw1 tapctl -d link show dev h1) == *'isolated on'* ]] || fail 'a setting is lost'
  [[ $("$lab" exec h1 ip address) == *10.9.0.1/24* ]] || fail 'an address is lost'
  { "$lab" exec sw2 tapctl save && "$lab" exec sw1 tapctl save; } | grep '^impair' |
    diff /run/test.impaired - || fail 'impairments are others'
  [[ $("$lab" graph --dot) == *'"h2" -- "sw2" [label="down"'* ]] || fail "$("$lab" graph --dot)"
  [[ $("$lab" graph --dot) == *'to sw1: loss 1% seed 7; to sw2: delay 1ms'* ]] ||
    fail "$("$lab" graph --dot)"
  [[ $("$lab" diff -f /run/test.yaml) == *'h2:eth0 sw2:h2 down'*'isolated off'* ]] ||
    fail "diff: $("$lab" diff -f /run/test.yaml)"
  "$lab" down
  expect_nothing_left
}

topologies_of_containerlab_come_up() {
  local name
  for name in back_to_back bridge; do
    "$lab" up -f "$topologies/$name.clab.yml" >/dev/null 2>&1 || fail "$name does not come up"
    "$lab" status >/dev/null
    case $name in
      back_to_back) "$lab" exec n1 ping -q -c 1 -w 10 192.168.0.2 >/dev/null ;;
      bridge) "$lab" exec m1 ping -q -c 1 -w 10 10.0.0.3 >/dev/null ;;
    esac || fail "$name: no reply"
    "$lab" down
  done
  expect_nothing_left
}

# --- links and nodes ------------------------------------------------------------------------------

links_go_down_and_up_and_are_captured() {
  write_lab one
  "$lab" up -f /run/test.yaml >/dev/null
  "$lab" link set sw1:sw2 down
  [[ $("$lab" link show) == *'sw1:sw2'*'down'* ]] || fail "$("$lab" link show)"
  ! "$lab" exec h1 ping -q -c 1 -W 1 10.0.0.2 >/dev/null || fail 'a link that is down carries frames'
  ! "$lab" test >/run/test.log || fail 'the check does not see that the link is down'
  grep --quiet '^FAILED  ping: all to all' /run/test.log || fail "$(cat /run/test.log)"
  "$lab" link set sw1:sw2 up
  "$lab" test >/dev/null || fail 'the link did not come up again'
  "$lab" capture sw1:sw2 -w /run/test.pcapng filter icmp &
  wait_for test -s /run/test.pcapng
  "$lab" exec h1 ping -q -c 2 10.0.0.2 >/dev/null
  kill "$!"
  wait "$!" || true
  [[ $(od -A n -t x1 -N 4 /run/test.pcapng) == ' 0a 0d 0d 0a' ]] || fail 'no pcapng'
  refuses "no link 'sw1:h2'" "$lab" link set sw1:h2 down
  "$lab" down
  expect_nothing_left
}

has_captured_four_echoes() {
  [[ $(tcpdump -n -r /run/test.pcapng 2>/dev/null | grep --count 'ICMP echo') == 4 ]]
}

links_without_a_switch_are_captured() {
  cat >/run/test.yaml <<END
name: one
nodes: {h1: {addresses: 10.0.0.1/24}, h2: {addresses: 10.0.0.2/24}}
links: [{endpoints: [h1, h2]}]
END
  "$lab" up -f /run/test.yaml >/dev/null
  refuses "'icmp' is nothing for a link without a switch" "$lab" capture h1:h2 -w /run/test.no icmp
  "$lab" capture h1:h2 -w /run/test.pcapng filter icmp 2>/run/test.log &
  wait_for grep --quiet listening /run/test.log
  "$lab" exec h1 ping -q -c 2 10.0.0.2 >/dev/null
  wait_for has_captured_four_echoes
  kill "$!"
  wait "$!" || fail 'the capture does not end well'
  [[ $(od -A n -t x1 -N 4 /run/test.pcapng) == ' 0a 0d 0d 0a' ]] || fail 'no pcapng'
  has_captured_four_echoes || fail "captured: $(tcpdump -n -r /run/test.pcapng)"
  "$lab" down
  expect_nothing_left
}

# A trunk of two VLANs, without a device of the kernel.
write_device_free_lab() {
  cat >/run/test.yaml <<END
name: one
nodes:
  sw1: {kind: switch}
  sw2: {kind: switch}
  h1: {addresses: 10.0.0.1/24}
  h2: {addresses: 10.0.0.2/24}
  h3: {addresses: 10.0.0.3/24}
  h4: {addresses: 10.0.0.4/24}
links:
  - endpoints: [sw1, {node: sw2, port: cost 7, impair: delay 1ms}]
    type: link
    vlans: [10, 20]
  - {endpoints: [h1, sw1], vlan: 10}
  - {endpoints: [h2, sw1], vlan: 20}
  - {endpoints: [h3, sw2], vlan: 10}
  - {endpoints: [h4, sw2], vlan: 20}
checks:
  - groups: {members: [[h1, h3], [h2, h4]]}
END
}

# sees_link SWITCH PORT up|down
sees_link() {
  [[ $("$lab" exec "$1" tapctl -j port show "$2") == *"\"link\":\"$3\""* ]]
}

trunks_without_a_device_go_down_and_up() {
  local before
  write_device_free_lab
  "$lab" up -f /run/test.yaml >/dev/null
  [[ $("$lab" exec sw1 tapctl -j port show sw2) == *'"type":"link"'* ]] || fail 'no port of type link'
  "$lab" exec sw1 ip -oneline link show type veth >/run/test.log
  ! grep --quiet --invert-match ': h[12]@' /run/test.log ||
    fail 'there is an interface between the switches'
  wait_for sees_link sw1 sw2 up
  "$lab" test >/run/test.log || fail "$(cat /run/test.log)"
  "$lab" exec sw2 tapctl fdb add 02:00:00:00:00:77 dev sw1 vlan 10 static
  "$lab" exec sw2 tapctl storm set dev sw1 broadcast 100kpps
  "$lab" exec sw2 tapctl port add link:copies
  "$lab" exec sw2 tapctl mirror add m from dev sw1 dev h3 both to copies
  before=$("$lab" exec sw2 tapctl save)
  "$lab" link set sw1:sw2 down
  wait_for sees_link sw1 sw2 down
  ! "$lab" test >/dev/null || fail 'a link that is down carries frames'
  "$lab" save >/run/test2.yaml
  grep --quiet 'state: down' /run/test2.yaml || fail "saved: $(cat /run/test2.yaml)"
  "$lab" link set sw1:sw2 up
  [[ $("$lab" exec sw2 tapctl save | sort) == "$(sort <<<"$before")" ]] ||
    fail "settings are lost: $(diff <("$lab" exec sw2 tapctl save) - <<<"$before")"
  wait_for sees_link sw1 sw2 up
  "$lab" test >/run/test.log || fail "$(cat /run/test.log)"
  "$lab" diff -f /run/test.yaml >/run/test.log || true
  ! grep --quiet --invert-match -E 'fdb del|mirror del|port del|broadcast off' /run/test.log ||
    fail "it differs: $("$lab" diff -f /run/test.yaml)"
  "$lab" down
  expect_nothing_left
}

exec_ends_as_a_shell_would() {
  local status=0
  write_lab one
  "$lab" up -f /run/test.yaml >/dev/null
  "$lab" exec h1 nosuchcommand 2>/dev/null || status=$?
  [[ $status == 127 ]] || fail "$status of an unknown command"
  # shellcheck disable=SC2016  # expanded in the node
  [[ $("$lab" exec h1 sh -c 'echo $NODE $LAB') == 'h1 one' ]] || fail 'no names in the environment'
  refuses "no host 'h9'" "$lab" exec h9 true
  [[ $("$lab" status -j) == '[{"name": "one"'* ]] || fail "$("$lab" status -j)"
  "$lab" down
  expect_nothing_left
}

# --- mistakes, several labs, and what was killed --------------------------------------------------

a_file_with_mistakes_makes_nothing() {
  write_lab one
  sed --in-place 's/kind: switch}/kind: switch, settings: [bridge set nothing on]}/' /run/test.yaml
  refuses "test.yaml:4:34: unexpected 'nothing'" "$lab" up -f /run/test.yaml
  write_lab one
  sed --in-place 's/\[h2, sw2\]/[h3, sw2]/' /run/test.yaml
  refuses "test.yaml:11:18: there is no node 'h3'" "$lab" up -f /run/test.yaml
  echo 'nodes: [' >/run/test.yaml
  refuses 'not YAML' "$lab" up -f /run/test.yaml
  refuses 'No such file' "$lab" up -f /run/test-nothing.yaml
  expect_nothing_left
}

names_that_exist_are_refused() {
  write_lab one
  ip netns add one-h2
  refuses 'namespace one-h2 exists' "$lab" up -f /run/test.yaml
  [[ $(ip netns list) == one-h2 ]] || fail "there should be one-h2 alone: $(ip netns list)"
  ip netns delete one-h2
  "$lab" up -f /run/test.yaml >/dev/null
  refuses "the lab 'one' exists" "$lab" up -f /run/test.yaml
  "$lab" down
  "$lab" down
  expect_nothing_left
}

two_labs_of_one_file_do_not_meet() {
  write_lab one
  "$lab" up -f /run/test.yaml >/dev/null &
  "$lab" up -f /run/test.yaml --name two >/dev/null
  wait "$!" || fail 'the first of two did not come up'
  "$lab" up 2 >/dev/null
  refuses 'several labs are up' "$lab" exec h1 true
  "$lab" test --name two >/dev/null || fail 'lab two does not work'
  "$lab" exec one/h1 ping -q -c 1 -w 10 10.0.0.2 >/dev/null || fail 'lab one does not work'
  "$lab" down --name one
  "$lab" test --name two >/dev/null || fail 'lab two went down with lab one'
  "$lab" down --all
  expect_nothing_left
}

an_up_that_was_killed_is_cleared() {
  local up moment
  write_lab one
  for moment in 0.1 0.2 0.3 0.5; do
    "$lab" up -f /run/test.yaml >/dev/null 2>&1 &
    up=$!
    sleep "$moment"
    kill -KILL "$up" 2>/dev/null || true
    wait "$up" 2>/dev/null || true
    "$lab" down
    expect_nothing_left
  done
  "$lab" up -f /run/test.yaml >/dev/null 2>&1 &
  up=$!
  wait_for test -e /run/tapswitch/labs/one/sw1.pid
  kill -KILL "$up" 2>/dev/null || true
  wait "$up" 2>/dev/null || true
  if ! grep --quiet '"made": [1-9]' /run/tapswitch/labs/one/plan.json; then
    [[ $("$lab" up -f /run/test.yaml 2>&1) == *'was interrupted'*"'one' is up"* ]] ||
      fail 'up does not clear what was interrupted'
    "$lab" test >/dev/null || fail 'the lab made anew does not work'
  fi
  "$lab" down
  expect_nothing_left
}

an_up_that_is_interrupted_leaves_nothing() {
  local up
  write_lab one
  sed --in-place 's/daemon: sleep 300/run: sleep 300/' /run/test.yaml
  "$lab" up -f /run/test.yaml >/dev/null 2>&1 &
  up=$!
  wait_for test -e /run/tapswitch/labs/one/sw1.pid
  kill -TERM "$up"
  ! wait "$up" || fail 'the interrupted up claims success'
  expect_nothing_left
}

whatever_is_killed_down_leaves_nothing() {
  local pid
  write_lab one
  "$lab" up -f /run/test.yaml >/dev/null
  for pid in /run/tapswitch/labs/one/*.pid; do kill -KILL "$(cut -d ' ' -f 1 "$pid")"; done
  wait_for grep --quiet 'is not running' <("$lab" status || true)
  "$lab" down
  expect_nothing_left
}

# write_many SWITCHES HOSTS: switches in a row, and hosts in turn at each of them.
write_many() {
  local -i number switches=$1 hosts=$2
  {
    echo 'name: many'
    echo 'subnets: 10.0.0.0/16'
    echo 'nodes:'
    for ((number = 1; number <= switches; ++number)); do echo "  sw$number: {kind: switch}"; done
    for ((number = 1; number <= hosts; ++number)); do echo "  h$number:"; done
    echo 'links:'
    for ((number = 1; number < switches; ++number)); do
      echo "  - endpoints: [sw$number, sw$((number + 1))]"
    done
    for ((number = 1; number <= hosts; ++number)); do
      echo "  - endpoints: [h$number, sw$(((number - 1) % switches + 1))]"
    done
  } >/run/test.yaml
}

# Milliseconds since some moment.
now_ms() {
  local -r now=$EPOCHREALTIME
  echo $((${now%[.,]*} * 1000 + 10#${now#*[.,]} / 1000))
}

# takes_at_most MILLISECONDS WHAT BOUND: the bound is what the project wants on a machine that does
# nothing else. Four times that is allowed, so that a busy machine does not fail the test.
readonly patience=4
takes_at_most() {
  (($1 <= $3 * patience)) || fail "$2 took $1 ms, $patience times $3 ms are allowed"
}

# many_come_up SWITCHES HOSTS ADDRESS UP DOWN: h1 reaches the address; the bounds are milliseconds.
many_come_up() {
  local -i started ready replied ended
  write_many "$1" "$2"
  started=$(now_ms)
  "$lab" up -f /run/test.yaml >/dev/null
  ready=$(now_ms)
  "$lab" exec h1 ping -q -c 1 -w 10 "$3" >/dev/null || fail "no reply from $3 to h1"
  replied=$(now_ms)
  "$lab" down
  ended=$(now_ms)
  echo "  up $((ready - started)) ms, down $((ended - replied)) ms"
  takes_at_most $((ready - started)) up "$4"
  takes_at_most $((ended - replied)) down "$5"
  expect_nothing_left
}

# The project has no bound of its own for taking so few down: it is that of a thousand ports.
a_hundred_hosts_come_up() {
  many_come_up 1 100 10.0.0.100 5000 15000
}

# With the trunks there are a few more. h990 is at the other end of the row.
a_thousand_ports_of_ten_switches_come_up() {
  many_come_up 10 990 10.0.3.222 15000 15000
}

# --------------------------------------------------------------------------------------------------

readonly rules=(
  a_file_with_mistakes_makes_nothing names_that_exist_are_refused two_labs_of_one_file_do_not_meet
  an_up_that_was_killed_is_cleared an_up_that_is_interrupted_leaves_nothing
  whatever_is_killed_down_leaves_nothing links_go_down_and_up_and_are_captured
  links_without_a_switch_are_captured trunks_without_a_device_go_down_and_up exec_ends_as_a_shell_would what_is_saved_comes_up_again
  topologies_of_containerlab_come_up a_hundred_hosts_come_up
  a_thousand_ports_of_ten_switches_come_up)

main() {
  local rule
  if [[ ${1:-} != --inside ]]; then
    ((EUID == 0)) || skip 'namespaces need root'
    [[ -c /dev/net/tun ]] || skip '/dev/net/tun is missing'
    python3 -c 'import yaml' 2>/dev/null || skip 'python3-yaml is missing'
    exec unshare --mount --net --pid --fork --kill-child --mount-proc "${BASH_SOURCE[0]}" --inside "$@"
  fi
  shift
  mount -t tmpfs tmpfs /run
  ip link set lo up
  export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=/run/sanitizer
  if [[ ${1:-} == --example ]]; then
    an_example_is_what_it_says "$2"
    return
  fi
  (($# > 0)) || set -- "${rules[@]}"
  for rule in "$@"; do
    echo "$rule"
    "$rule"
  done
}

main "$@"
