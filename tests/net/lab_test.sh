#!/usr/bin/env bash
# tools/lab does what its help says, and leaves nothing behind. Needs root; $TAPSWITCHD is the
# switch to test with. Runs in network, mount and process namespaces of its own, with an empty
# /run: it meets no lab of the user's, and all that it makes ends with it.
set -euo pipefail

readonly hosts=3
root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root_dir
readonly lab=$root_dir/tools/lab
readonly tapctl=${TAPCTL:-$(dirname "${TAPSWITCHD:-}")/../tools/tapctl/tapctl}

skip() {
  echo "skipped: $*"
  exit 77
}

fail() {
  echo "FAILED: $*" >&2
  cat /run/tapswitch/lab/log 2>/dev/null >&2 || true
  exit 1
}

# refuses PATTERN COMMAND...: it fails, with one line of error that matches.
refuses() {
  local error
  if error=$("${@:2}" 2>&1 >/dev/null); then fail "not refused: ${*:2}"; fi
  [[ $error == *$1* && $error != *$'\n'* ]] || fail "${*:2}: '$error' should be one line with '$1'"
}

# Files in /run but the folder of `ip netns` and the locks of switches, which stay for the next ones,
# and switches that run. A sanitizer's report is a file
# there, too: see main.
leftovers() {
  find /run -mindepth 1 ! -path /run/netns ! -path /run/tapswitch ! -path /run/tapswitch/locks
  find /proc/[0-9]*/exe -maxdepth 0 -lname '*tapswitchd*' 2>/dev/null || true
}

# Whoever keeps the host out of a killed switch's interfaces notices within a moment that they have
# gone.
expect_nothing_left() {
  local i
  for ((i = 0; i < 100; ++i)); do
    [[ -n $(leftovers) ]] || return 0
    sleep 0.1
  done
  cat /run/sanitizer.* 2>/dev/null >&2 || true
  fail "left behind: $(leftovers)"
}

wait_for() {
  local deadline=$((SECONDS + 60))
  until "$@"; do
    ((SECONDS < deadline)) || fail "not within 60 s: $*"
    sleep 0.01
  done
}

bridge_pid() {
  cut --delimiter=' ' --fields=1 /run/tapswitch/lab/bridge
}

# --- rules that hold while a lab is up ------------------------------------------------------------

all_hosts_reach_each_other() {
  local from to address
  for ((from = 1; from <= hosts; ++from)); do
    for ((to = 1; to <= hosts; ++to)); do
      for address in "10.83.0.$to" "fd83::$to"; do
        "$lab" exec "h$from" ping -q -c 1 -w 10 "$address" >/dev/null ||
          fail "no reply from $address to h$from"
      done
    done
  done
}

hosts_are_apart_from_the_machine() {
  ! ip -oneline link | grep eth0 || fail 'an interface is outside its host'
  # The switch's ends of pairs are here, without an address.
  [[ -z $(ip -oneline address | grep vnet) ]] || fail 'an end of the switch has an address'
  ! ping -q -c 1 -W 1 10.83.0.1 >/dev/null 2>&1 || fail 'h1 answers outside the lab'
}

exec_passes_input_output_and_exit_status_through() {
  local output status=0
  output=$("$lab" exec h2 bash -c 'cat; exit 42' <<<'a line') || status=$?
  [[ $output == 'a line' && $status == 42 ]] || fail "exec: '$output', exit status $status"
}

exec_refuses_a_host_that_is_not_there() {
  refuses "no host 'h$((hosts + 1))'" "$lab" exec "h$((hosts + 1))" true
}

status_shows_bridge_and_hosts() {
  local output host mac
  output=$("$lab" status)
  grep --quiet "pid $(bridge_pid)," <<<"$output" || fail "no pid of the bridge in: $output"
  for ((host = 1; host <= hosts; ++host)); do
    mac=$("$lab" exec "h$host" cat /sys/class/net/eth0/address)
    grep --quiet --extended-regexp \
      "^h$host +up +$mac +10\.83\.0\.$host/24 fd83::$host/64 +[1-9][0-9]* +[1-9][0-9]*$" \
      <<<"$output" || fail "h$host, $mac, is not in: $output"
  done
}

up_refuses_when_a_lab_exists() {
  local before
  before=$(bridge_pid)
  refuses 'a lab exists' "$lab" up 2
  [[ $(bridge_pid) == "$before" ]] || fail 'the refused up touched the lab'
}

# --- rules of up and down -------------------------------------------------------------------------

up_refuses_a_foreign_namespace_before_it_makes_anything() {
  ip netns add h2
  refuses 'namespace h2 exists' "$lab" up "$hosts"
  [[ $(ip netns list) == h2 ]] || fail "there should be h2 alone: $(ip netns list)"
  ip netns delete h2
  expect_nothing_left
}

up_refuses_numbers_out_of_range() {
  local count
  for count in 0 65 -1 x ''; do refuses "'$count' hosts" "$lab" up "$count"; done
  for count in 9 -1 x ''; do refuses "--vms '$count'" "$lab" up 2 --vms "$count"; done
}

# ports_are KIND ARGUMENT...: of a lab that is up with these, which ends again. KIND is veth or tun.
ports_are() {
  local shown
  "$lab" up 2 "${@:2}" >/dev/null
  shown=$(ip -n h1 -details link show dev eth0)
  "$lab" exec h1 ping -q -c 1 -w 10 10.83.0.2 >/dev/null || fail "no reply: ${*:2}"
  "$lab" down
  [[ $shown == *" $1 "* ]] || fail "up ${*:2}: no $1: $shown"
  expect_nothing_left
}

up_makes_ports_of_the_type_that_is_said() {
  ports_are veth --ports veth
  ports_are veth --ports veth --kernel_forwarding=off
  ports_are tun --ports tap
  refuses "--ports 'bridge'" "$lab" up 2 --ports bridge
}

# Where the kernel carries conversations between veths, they are faster than TAPs; else slower.
up_chooses_the_type_that_is_faster() {
  local best=tun
  "$lab" up 2 --ports veth >/dev/null
  if grep --quiet '"on"' <<<"$("$tapctl" -B lab -j kernel show)"; then best=veth; fi
  "$lab" down
  ports_are "$best"
  ports_are "$best" --ports auto
  ports_are tun --kernel_forwarding=off
}

up_that_fails_halfway_leaves_nothing() {
  refuses 'tapswitchd did not start' "$lab" up "$hosts" --unknown_flag
  expect_nothing_left
}

# Starts an `up` that waits for a switch that never gets ready. Sets $up and $bridge, their pids.
begin_up() {
  printf '#!/bin/sh\nexec sleep 300\n' >/run/stuck_switch
  chmod +x /run/stuck_switch
  TAPSWITCHD=/run/stuck_switch "$lab" up "$hosts" 2>/dev/null &
  up=$!
  wait_for test -s /run/tapswitch/lab/bridge
  rm /run/stuck_switch
  bridge=$(bridge_pid)
}

up_that_is_interrupted_leaves_nothing() {
  local up bridge
  begin_up
  kill -TERM "$up"
  ! wait "$up" || fail 'the interrupted up claims success'
  ! kill -0 "$bridge" 2>/dev/null || fail 'the bridge runs on'
  expect_nothing_left
}

up_that_is_killed_is_cleared_by_down() {
  local up bridge
  begin_up
  kill -KILL "$up"
  wait "$up" 2>/dev/null || true
  "$lab" down
  ! kill -0 "$bridge" 2>/dev/null || fail 'the bridge runs on'
  expect_nothing_left
}

status_misses_the_bridge() {
  grep --quiet 'tapswitchd is not running' <<<"$("$lab" status)"
}

status_and_down_work_after_the_bridge_was_killed() {
  "$lab" up "$hosts" >/dev/null
  kill -KILL "$(bridge_pid)"
  wait_for status_misses_the_bridge
  "$lab" down
  expect_nothing_left
}

down_spares_what_has_a_recorded_name_or_pid_by_chance() {
  local bystander
  "$lab" up "$hosts" >/dev/null
  kill -KILL "$(bridge_pid)"
  ip netns delete h1
  ip netns add h1
  sleep 300 &
  bystander=$!
  echo "$bystander 1" >/run/tapswitch/lab/bridge
  "$lab" down
  [[ $(ip netns list) == h1 ]] || fail "a foreign h1 should be left: $(ip netns list)"
  kill "$bystander" || fail 'down ended a foreign process'
  ip netns delete h1
  expect_nothing_left
}

down_without_a_lab_is_no_error() {
  "$lab" down
  expect_nothing_left
}

sixty_four_hosts_fit() {
  "$lab" up 64 >/dev/null
  "$lab" exec h64 ping -q -c 1 -w 10 10.83.0.1 >/dev/null || fail 'no reply from h1 to h64'
  "$lab" down
  expect_nothing_left
}

# --------------------------------------------------------------------------------------------------

check() {
  local rule
  for rule in "$@"; do
    echo "$rule"
    "$rule"
  done
}

main() {
  if [[ ${1:-} != --inside ]]; then
    ((EUID == 0)) || skip 'namespaces need root'
    [[ -c /dev/net/tun ]] || skip '/dev/net/tun is missing'
    exec unshare --mount --net --pid --fork --kill-child --mount-proc "${BASH_SOURCE[0]}" --inside
  fi
  mount -t tmpfs tmpfs /run
  export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=/run/sanitizer

  "$lab" up "$hosts" >/dev/null
  check all_hosts_reach_each_other hosts_are_apart_from_the_machine \
    exec_passes_input_output_and_exit_status_through exec_refuses_a_host_that_is_not_there \
    status_shows_bridge_and_hosts up_refuses_when_a_lab_exists
  "$lab" down
  expect_nothing_left

  check up_refuses_a_foreign_namespace_before_it_makes_anything up_refuses_numbers_out_of_range \
    up_makes_ports_of_the_type_that_is_said up_chooses_the_type_that_is_faster \
    up_that_fails_halfway_leaves_nothing up_that_is_interrupted_leaves_nothing \
    up_that_is_killed_is_cleared_by_down status_and_down_work_after_the_bridge_was_killed \
    down_spares_what_has_a_recorded_name_or_pid_by_chance down_without_a_lab_is_no_error \
    sixty_four_hosts_fit
}

main "$@"
