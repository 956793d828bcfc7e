#!/bin/bash
# A guest of QEMU that bridges its cards, on ports of the profile vm: the uplink's switch, which shuts
# a port down that hears BPDUs, hears none of the guest's, and two cards in one bridge make no loop.
#
#   bridging_guest_test.sh BIN-FOLDER...    where tapswitchd and tapctl are
#
# Needs root.

set -Eeuo pipefail
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# shellcheck source=tests/vm/stations.sh
source "$(dirname "${BASH_SOURCE[0]}")/stations.sh"

readonly cards=(vnet0 vnet1)

before_failure() {
  cat /run/tapswitch.log
  tapctl show
  tapctl -s port show
  tapctl -s stp show
  bridge -d link
  tail -n 15 "$TAPSWITCH_GUESTS"/*/*.log
}

boot() {
  local card options=()
  for card in "${cards[@]}"; do
    ip tuntap add "$card" mode tap vnet_hdr
    ip link set "$card" up
    options+=(-netdev "tap,id=$card,ifname=$card,script=no,downscript=no"
      -device "virtio-net-pci,netdev=$card,mac=52:54:00:71:00:0${card#vnet}")
  done
  start_guest vm1 "${options[@]}"
}

shut_down_by() {
  tapctl -j port show "$1" | jq --raw-output '.[0].shut_down // "nothing"'
}
is_shut_down() { [[ $(shut_down_by "$1") == bpdu_guard ]]; }
state_of_uplink() {
  bridge link show dev peer0 | sed -n 's/.* state \([a-z]*\).*/\1/p'
}
dropped_by() {
  tapctl -j -s port show "$1" | jq '.[0].drops.reserved_address // 0'
}
has_dropped() { (($(dropped_by vnet0) > ${1:-0})); }
forwards() { [[ $(state_of_uplink) == forwarding ]]; }

# In the guest: a bridge of these cards, with or without a spanning tree of its own.
guest_bridges() {
  local -r stp=$1
  shift
  on vm1 "brctl addbr br0; brctl stp br0 $stp; brctl setfd br0 2
    for card in $*; do brctl addif br0 \$card; done; ip link set br0 up" >/dev/null
}
guest_stops() { on vm1 'ip link set br0 down; brctl delbr br0' >/dev/null; }

# The oVirt case: a nested bridge of one card, below a switch that would forward BPDUs.
no_bpdu_of_a_guest_comes_to_the_uplink() {
  tapctl bridge set group_fwd_mask 1
  guest_bridges on eth0
  wait_for has_dropped 2
  forwards || fail "the uplink is $(state_of_uplink)"
  guest_stops
  tapctl bridge set group_fwd_mask 0
}

recover_all() {
  local card
  for card in "${cards[@]}"; do
    if is_shut_down "$card"; then tapctl port recover "$card"; fi
  done
}

one_of_both_is_shut_down() { is_shut_down vnet0 || is_shut_down vnet1; }

# Whoever speaks, the guest or the switch through it: a port hears it, and is shut down.
two_cards_in_one_bridge_make_no_loop() {
  local before after
  guest_bridges "$1" eth0 eth1
  wait_for one_of_both_is_shut_down
  before=$(tapctl -j -s port show vnet0 | jq '.[0].stats64.tx.packets')
  on host 'ping -c 3 -W 1 -b 10.71.0.255' >/dev/null 2>&1 || true
  after=$(tapctl -j -s port show vnet0 | jq '.[0].stats64.tx.packets')
  ((after - before < 100)) || fail "$((after - before)) frames came to vnet0"
  guest_stops
  recover_all
}

with_a_tree_of_the_guest() { two_cards_in_one_bridge_make_no_loop on; }
with_a_guest_that_has_no_tree() { two_cards_in_one_bridge_make_no_loop off; }

the_uplink_was_never_shut_down() {
  forwards || fail "the uplink is $(state_of_uplink)"
  [[ $(shut_down_by up0) == nothing ]] || fail 'the port of the uplink is shut down'
}

main() {
  local card
  ip link add br9 type bridge stp_state 1 forward_delay 200 || skip 'this kernel has no bridge'
  ip link add up0 type veth peer name peer0
  ip link set peer0 master br9
  ip link set br9 up
  ip link set up0 up
  ip link set peer0 up
  bridge link set dev peer0 guard on
  # The switch's own BPDUs are none of a guest: the filter keeps them, and what peer0 says, away.
  ip netns add host
  tapswitchd --name=sw0 host0,netns=host >/run/tapswitch.log 2>&1 &
  wait_for tapctl bridge show >/dev/null 2>&1
  tapctl port add netdev:up0 profile uplink bpdu_filter on
  ip -n host address add 10.71.0.9/24 dev host0
  boot
  for card in "${cards[@]}"; do tapctl port add "netdev:$card" profile vm; done
  until_booted vm1
  wait_for forwards
  check no_bpdu_of_a_guest_comes_to_the_uplink
  tapctl bridge set stp_state on
  check with_a_tree_of_the_guest with_a_guest_that_has_no_tree the_uplink_was_never_shut_down
  echo 'ok: all'
}

require_programs jq:jq
enter_namespaces "$@"
shift
PATH=$(IFS=:; echo "$*"):$PATH
main
