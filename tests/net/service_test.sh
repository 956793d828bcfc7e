#!/usr/bin/env bash
# The unit of the service is one that systemd takes and finds well protected, and the switch works
# with no more capabilities than it grants. Needs root.
#
#   service_test.sh BUILD-FOLDER
#
# Runs in network, mount and process namespaces of its own. There is no systemd to start the unit in
# them, so setpriv stands in for what it does with capabilities.
set -euo pipefail

readonly build=$1
readonly unit=/run/root/usr/lib/systemd/system/tapswitchd@.service
readonly tapctl=/run/root/usr/bin/tapctl
readonly drop_in=/run/root/usr/share/doc/tapswitch/examples/netns.conf

skip() {
  echo "skipped: $*"
  exit 77
}

fail() {
  echo "FAILED: $*" >&2
  cat /run/log >&2 2>/dev/null || true
  exit 1
}

wait_for() {
  local deadline=$((SECONDS + 60))
  until "$@"; do
    ((SECONDS < deadline)) || fail "not within 60 s: $*"
    sleep 0.01
  done
}

# The capabilities that unit files grant, as setpriv has them: +net_admin,+net_broadcast.
granted() {
  sed --quiet 's/^CapabilityBoundingSet=//p' "$@" | tr ' ' '\n' |
    sed 's/^CAP_\(.*\)/+\L\1/' | paste --serial --delimiters=,
}

# start UNIT-FILES -- ARGUMENT...: a switch with what these grant. Sets $switch, its pid.
start() {
  local files=()
  while [[ $1 != -- ]]; do
    files+=("$1")
    shift
  done
  : >/run/log
  setpriv --bounding-set="-all,$(granted "${files[@]}")" --inh-caps=-all --ambient-caps=-all \
    --no-new-privs -- "$TAPSWITCHD" "${@:2}" >/run/log 2>&1 &
  switch=$!
}

is_ready() {
  kill -0 "$switch" 2>/dev/null || fail 'it ended'
  grep --quiet 'ready: bridge' /run/log
}

stop() {
  kill -TERM "$switch"
  wait "$switch" || fail "it ended with status $?"
}

# host_gets INTERFACE NUMBER
host_gets() {
  ip -n "h$2" address add "10.0.0.$2/24" dev "$1"
  ip -n "h$2" link set "$1" up
}

hosts_reach_each_other() {
  ip netns exec h1 ping -q -c 1 -w 30 10.0.0.2 >/dev/null || fail 'no reply from h2 to h1'
}

# ----- the unit ----------------------------------------------------------------------------------

unit_is_protected() {
  local said
  type -P systemd-analyze >/dev/null || { echo '  left out: systemd-analyze is missing' && return; }
  # 0 is best, 100 worst; what is left is what a switch is there to do, packet sockets among it.
  said=$(systemd-analyze security --offline=yes --threshold=26 --no-pager --root=/run/root \
    tapswitchd@br0.service 2>&1) || fail "$(tail --lines=1 <<<"$said")"
}

unit_grants_no_more_than_needed() {
  [[ $(granted "$unit") == +bpf,+net_admin,+net_broadcast,+net_raw ]] || fail "it grants $(granted "$unit")"
  [[ $(granted "$drop_in") == +sys_admin ]] || fail "the drop-in grants $(granted "$drop_in")"
}

# ----- the switch with its capabilities ----------------------------------------------------------

# CAP_BPF, the 39th, is given up once programs are loaded, but for the bounding set.
switch_has_these_capabilities() {
  local set wanted=0000000000003800
  for set in CapEff CapPrm CapBnd; do
    [[ $set != CapBnd ]] || wanted=0000008000003800
    [[ $(awk "/^$set:/ { print \$2 }" "/proc/$switch/status") == "$wanted" ]] ||
      fail "$set: $(grep Cap "/proc/$switch/status")"
  done
}

interfaces_may_be_moved_into_namespaces() {
  start "$unit" -- vnet1 vnet2
  wait_for is_ready
  switch_has_these_capabilities
  ip link set vnet1 netns h1
  ip link set vnet2 netns h2
  host_gets vnet1 1
  host_gets vnet2 2
  hosts_reach_each_other
  stop
}

port_in_a_namespace_needs_the_drop_in() {
  local status=0
  start "$unit" -- vnet1,netns=h1
  wait "$switch" || status=$?
  [[ $status == 1 ]] || fail "it should refuse, and ended with status $status"
  grep --quiet "'vnet1'.*CAP_SYS_ADMIN" /run/log || fail 'the message does not say what is missing'

  start "$unit" "$drop_in" -- vnet1,netns=h1 vnet2,netns=h2
  wait_for is_ready
  host_gets vnet1 1
  host_gets vnet2 2
  hosts_reach_each_other
  stop
}

# User= and AmbientCapabilities=, as the unit's comment has it. Where there is udev everybody may
# open /dev/net/tun, and the capabilities decide. RuntimeDirectory= belongs to User=.
may_run_as_another_user() {
  local capabilities
  capabilities=$(granted "$unit")
  rm -rf /run/tapswitch
  install --directory --owner=nobody --group=nogroup /run/tapswitch
  mknod --mode=666 /run/tun c 10 200
  mount --bind /run/tun /dev/net/tun
  : >/run/log
  setpriv --reuid=nobody --regid=nogroup --clear-groups --bounding-set="-all,$capabilities" \
    --inh-caps="-all,$capabilities" --ambient-caps="-all,$capabilities" --no-new-privs -- \
    /run/root/usr/sbin/tapswitchd vnet1 vnet2 >/run/log 2>&1 &
  switch=$!
  wait_for is_ready
  switch_has_these_capabilities
  ip link set vnet1 netns h1
  ip link set vnet2 netns h2
  host_gets vnet1 1
  host_gets vnet2 2
  hosts_reach_each_other
  stop
  umount /dev/net/tun
  rm -rf /run/tapswitch
}

# A startup file as the package's example, and tapctl to ask for what came of it.
runs_what_its_startup_file_says() {
  cp /run/root/etc/tapswitch/br0.startup.example /run/br0.startup
  echo 'port add vnet1,mtu=1500 isolated on' >>/run/br0.startup
  start "$unit" -- --startup=/run/br0.startup
  wait_for is_ready
  [[ $("$tapctl" port show | cut --delimiter=: --fields=1 | paste --serial) == $'host0\tvnet1' ]] ||
    fail "it has $("$tapctl" port show)"
  "$tapctl" save >/run/saved
  stop
  ip link show dev host0 >/dev/null || fail 'the port of the host did not stay'
  start "$unit" -- --startup=/run/saved
  wait_for is_ready
  [[ $("$tapctl" save) == "$(cat /run/saved)" ]] || fail "it saves $("$tapctl" save)"
  stop
  ip link delete host0
}

starts_again_after_a_crash() {
  start "$unit" -- vnet1 vnet2
  wait_for is_ready
  kill -KILL "$switch"
  wait "$switch" 2>/dev/null || true
  interfaces_may_be_moved_into_namespaces
}

# -------------------------------------------------------------------------------------------------

main() {
  local rule switch
  if [[ ${2:-} != --inside ]]; then
    ((EUID == 0)) || skip 'namespaces need root'
    [[ -c /dev/net/tun ]] || skip '/dev/net/tun is missing'
    exec unshare --mount --net --pid --fork --kill-child --mount-proc \
      "${BASH_SOURCE[0]}" "$1" --inside
  fi
  mount -t tmpfs tmpfs /run
  ip link set lo up
  ip netns add h1
  ip netns add h2
  DESTDIR=/run/root cmake --install "$build" --prefix /usr >/dev/null
  for rule in unit_is_protected unit_grants_no_more_than_needed \
    interfaces_may_be_moved_into_namespaces port_in_a_namespace_needs_the_drop_in \
    may_run_as_another_user starts_again_after_a_crash runs_what_its_startup_file_says; do
    echo "$rule"
    "$rule"
  done
}

main "$@"
