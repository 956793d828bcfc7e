#!/usr/bin/env bash
# A switch that starts in the background, is waited for, reads its files again and is stopped, as
# people type it. In namespaces of its own; $1 is tapctl, $TAPSWITCHD the switch.
set -euo pipefail

if [[ -z ${IN_NAMESPACES:-} ]]; then
  IN_NAMESPACES=1 exec unshare --net --mount --pid --fork --kill-child "$0" "$@"
fi

readonly TAPCTL=$1
mount -t tmpfs none /run
mount -t proc proc /proc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ip link set lo up

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# refuses PATTERN COMMAND...: it fails and says so.
refuses() {
  local pattern=$1 said
  shift
  if said=$("$@" 2>&1); then fail "$*: did not fail"; fi
  [[ $said == *$pattern* ]] || fail "$*: said '$said', not '$pattern'"
}

test_it_returns_when_it_is_ready() {
  "$TAPSWITCHD" --name=one --detach one0 one1
  # No wait in between: ports forward and tapctl is served.
  [[ $("$TAPCTL" port show | wc -l) == 2 ]] || fail "two ports"
  ip link show one0 >/dev/null
  [[ -z $(jobs -p) ]] || fail "it is a job of the shell"
  "$TAPCTL" stop
  refuses 'after 0.50s' "$TAPCTL" -B one wait timeout 500ms
}

test_an_error_is_the_exit_status_and_nothing_is_left() {
  refuses '--log_file' "$TAPSWITCHD" --detach --log_file="$work/no/log" one0
  refuses "type 'paint' is unknown" "$TAPSWITCHD" --detach paint:one0
  ip link add one0 type veth peer name one1
  refuses 'one0' "$TAPSWITCHD" --detach one0
  ip link del one0
  refuses 'no switch runs' "$TAPCTL" port show
}

test_the_log_of_a_detached_switch_is_found() {
  "$TAPSWITCHD" --name=log --detach --log_file="$work/log" log0
  grep -q 'ready: bridge log with 1 port,' "$work/log" || fail "the log says ready"
  mv "$work/log" "$work/old"
  kill -HUP "$(pgrep -x tapswitchd)"
  for ((i = 0; i < 200; ++i)); do
    grep -qs SIGHUP "$work/log" && break
    sleep 0.05
  done
  grep -q SIGHUP "$work/log" || fail "the log is opened anew"
  "$TAPCTL" stop
  while pgrep -x tapswitchd >/dev/null; do sleep 0.02; done
  grep -q 'stopping' "$work/log" || fail "the log says that it stops"
  "$TAPSWITCHD" --name=log --detach log0
  "$TAPCTL" port del log0
  kill -USR1 "$(pgrep -x tapswitchd)"
  for ((i = 0; i < 200; ++i)); do
    grep -qs SIGUSR1 /run/tapswitch/log.log && break
    sleep 0.05
  done
  grep -q SIGUSR1 /run/tapswitch/log.log || fail "the log is beside the socket"
  "$TAPCTL" stop
  while pgrep -x tapswitchd >/dev/null; do sleep 0.02; done
}

test_a_port_waits_for_its_interface() {
  "$TAPSWITCHD" --name=late --detach netdev:late0
  [[ $("$TAPCTL" port show) == *'waits for its interface'* ]] || fail "it waits"
  refuses 'waits for its interface' "$TAPCTL" wait port late0 up timeout 100ms
  ip link add late0 type veth peer name late1
  ip link set late1 up
  ip link set late0 up
  "$TAPCTL" wait port late0 up timeout 20s
  ip link del late0
  "$TAPCTL" wait port late0 down timeout 20s
  [[ $("$TAPCTL" port show) == *'was deleted'* ]] || fail "it was there"
  refuses 'there is no interface' "$TAPCTL" port add netdev:late2
  "$TAPCTL" port add netdev:late2,wait
  "$TAPCTL" stop
  while pgrep -x tapswitchd >/dev/null; do sleep 0.02; done
}

test_a_port_waits_in_another_namespace() {
  ip netns add lab
  "$TAPSWITCHD" --name=late --detach netdev:late0,netns=lab
  ip -n lab link add late0 type veth peer name late1
  ip -n lab link set late1 up
  ip -n lab link set late0 up
  "$TAPCTL" wait port late0 up timeout 20s
  "$TAPCTL" stop
  while pgrep -x tapswitchd >/dev/null; do sleep 0.02; done
  ip netns del lab
}

test_a_hangup_applies_the_startup_file() {
  printf 'port add re0\nlink set dev re0 isolated on\n' >"$work/startup"
  "$TAPSWITCHD" --name=re --detach --log_file="$work/log" --startup="$work/startup" re1
  "$TAPCTL" port add re2
  printf 'port add re0\nlink set dev re0 hairpin on\n' >"$work/startup"
  kill -HUP "$(pgrep -x tapswitchd)"
  for ((i = 0; i < 200; ++i)); do
    grep -qs reloaded "$work/log" && break
    sleep 0.05
  done
  [[ $("$TAPCTL" save) == *'re0 hairpin on'* ]] || fail "the setting is applied"
  [[ $("$TAPCTL" save) == *'port add re1'* ]] || fail "the command line's port stays"
  [[ $("$TAPCTL" save) != *re2* ]] || fail "what neither names goes"
  echo 'port add' >>"$work/startup"
  "$TAPCTL" save >"$work/before"
  kill -HUP "$(pgrep -x tapswitchd)"
  for ((i = 0; i < 200; ++i)); do
    grep -qs 'not reloaded' "$work/log" && break
    sleep 0.05
  done
  grep -q "not reloaded, and nothing has changed: $work/startup:3" "$work/log" || fail "it says why"
  "$TAPCTL" save | diff - "$work/before"
  "$TAPCTL" stop
}

for test in $(compgen -A function test_); do
  echo "== $test"
  "$test"
done
