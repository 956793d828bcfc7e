#!/bin/bash
# Two guests of QEMU by vhost-user, one to a switch that listens, one with two queues that listens
# itself, and the host by a TAP. The switch is upgraded and killed, a guest is killed, and another
# loses its carrier by QMP.
#
#   vhost_guests_test.sh BIN-FOLDER...    where tapswitchd and tapctl are
#
# Needs root, for its namespaces.

set -Eeuo pipefail
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# shellcheck source=tests/vm/stations.sh
source "$(dirname "${BASH_SOURCE[0]}")/stations.sh"

readonly memory='-object memory-backend-memfd,id=mem,size=256M,share=on -machine memory-backend=mem'

before_failure() {
  cat /run/tapswitch.log
  tapctl -d -s port show
  tail -n 15 "$TAPSWITCH_GUESTS"/*/*.log
}

address_of() {
  case $1 in
    vm*) echo "10.70.0.${1#vm}" ;;
    *) echo 10.70.0.9 ;;
  esac
}

start_switch() {
  tapswitchd --workers=2 host0,persist vhost:vm1,path=/run/vm1.sock,queues=1 \
    vhost:vm2,path=/run/vm2.sock,mode=client >>/run/tapswitch.log 2>&1 &
  switch=$!
  wait_for tapctl bridge show >/dev/null
}

# Without vectors, as QEMU 7.2 ends by a signal where vhost-user has MSI-X and the processor is
# emulated.
boot() {
  case $1 in
    vm1) set -- vm1 off,reconnect=1 1 '' ;;
    vm2) set -- vm2 on,wait=off 2 ,mq=on ;;
  esac
  # shellcheck disable=SC2086  # several options
  start_guest "$1" $memory -smp "$3" -chardev "socket,id=c,path=/run/$1.sock,server=$2" \
    -netdev "vhost-user,id=n,chardev=c,queues=$3" \
    -device "virtio-net-pci,netdev=n,vectors=0,mac=52:54:00:70:00:0${1#vm}$4" \
    -qmp "unix:/run/$1.qmp,server=on,wait=off"
}

configure() {
  until_booted "$1"
  on "$1" "ip address add $(address_of "$1")/24 dev eth0" >/dev/null
  make_payload "$1"
}

all_reach_each_other() {
  expect_reachable vm1 "$(address_of vm2)"
  expect_reachable vm2 "$(address_of host)"
  expect_reachable vm1 "$(address_of host)"
}

streams_arrive_whole() {
  expect_stream vm1 vm2 "$(address_of vm2)"
  expect_stream vm2 vm1 "$(address_of vm1)"
}

# From the guest with one queue: the other one may send each datagram by another queue, so that
# workers change their order.
datagrams_arrive_whole() {
  expect_datagrams vm1 vm2 "$(address_of vm2)" 1400
  expect_datagrams vm1 vm2 "$(address_of vm2)" 8000
}

has_enabled_pairs() {
  grep --quiet "$2 pairs are enabled" <<<"$(tapctl -d port show "$1")"
}

# Whole segments pass only where both sides have agreed on them.
offloads_and_queues_are_negotiated() {
  local shown
  shown=$(tapctl -d port show)
  [[ $(grep --count 'GUEST_TSO4.*HOST_TSO4' <<<"$shown") == 2 ]] || fail "no TSO: $shown"
  local pairs
  for pairs in 1 2; do
    on vm2 "ethtool -l eth0 | tail -n 1 | grep -q '[^0-9]$pairs\$' || ethtool -L eth0 combined $pairs" ||
      fail "vm2 refuses to have $pairs queues"
    wait_for has_enabled_pairs vm2 "$pairs"
  done
  streams_arrive_whole
}

carriers() {
  on vm1 'cat /sys/class/net/eth0/carrier_changes'
  on vm2 'cat /sys/class/net/eth0/carrier_changes'
}

guests_notice_no_upgrade() {
  local before
  before=$(carriers)
  tapctl upgrade >/dev/null
  streams_arrive_whole
  [[ $(carriers) == "$before" ]] || fail 'a link went down'
}

has_carrier() {
  on "$1" "test \$(cat /sys/class/net/eth0/carrier) = $2"
}

a_guest_sees_that_its_carrier_is_taken_off() {
  tapctl link carrier dev vm1 off qmp /run/vm1.qmp id n
  wait_for has_carrier vm1 0
  has_carrier vm2 1 || fail 'another guest lost its carrier'
  tapctl link carrier dev vm1 on
  wait_for has_carrier vm1 1
  tapctl link carrier dev vm1 on qmp off
  expect_reachable vm1 "$(address_of vm2)"
}

# Has closed all that it had open, though nobody may have waited for it.
has_ended() {
  ! grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null
}

guests_go_on_after_the_switch_was_killed() {
  local pid
  pid=$(tapctl -j bridge show | sed 's/.*"pid":\([0-9]*\).*/\1/')
  kill -KILL "$pid"
  wait_for has_ended "$pid"
  wait "$switch" 2>/dev/null || true
  start_switch
  all_reach_each_other
  streams_arrive_whole
}

a_guest_that_was_killed_starts_again() {
  kill_guest vm1
  expect_reachable vm2 "$(address_of host)"
  boot vm1
  configure vm1
  all_reach_each_other
}

enter_namespaces "$@"
shift # --inside
PATH=$(IFS=:; echo "$*"):$PATH
start_switch
ip address add "$(address_of host)/24" dev host0
boot vm1
boot vm2
configure vm1
configure vm2
check all_reach_each_other streams_arrive_whole datagrams_arrive_whole \
  offloads_and_queues_are_negotiated guests_notice_no_upgrade \
  a_guest_sees_that_its_carrier_is_taken_off guests_go_on_after_the_switch_was_killed a_guest_that_was_killed_starts_again
