#!/bin/bash
# Two guests of QEMU, whose TAPs are ports of a Linux bridge as libvirt makes them, go on when the
# switch takes the bridge over, and when it gives it back; so does the host.
#
#   adopt_guests_test.sh BIN-FOLDER...    where tapswitchd and tapctl are
#
# Needs root.

set -Eeuo pipefail
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# shellcheck source=tests/vm/stations.sh
source "$(dirname "${BASH_SOURCE[0]}")/stations.sh"

readonly guests=(vm1 vm2)

before_failure() {
  cat /run/tapswitch.log
  tapctl show
  bridge link
  tail -n 15 "$TAPSWITCH_GUESTS"/*/*.log
}

address_of() {
  case $1 in
    vm*) echo "10.70.0.${1#vm}" ;;
    *) echo 10.70.0.9 ;;
  esac
}

# The interface of a guest comes up with it, is a port of br0, and has no addresses of the host.
boot() {
  ip tuntap add "vnet${1#vm}" mode tap vnet_hdr
  sysctl --quiet --write "net.ipv6.conf.vnet${1#vm}.disable_ipv6=1" || true
  ip link set "vnet${1#vm}" master br0 up
  start_guest "$1" -netdev "tap,id=n,ifname=vnet${1#vm},script=no,downscript=no" \
    -device "virtio-net-pci,netdev=n,mac=52:54:00:70:00:0${1#vm}"
}

configure() {
  until_booted "$1"
  on "$1" "ip address add $(address_of "$1")/24 dev eth0" >/dev/null
  make_payload "$1"
}

all_reach_each_other() {
  expect_reachable vm1 "$(address_of vm2)"
  expect_reachable vm2 "$(address_of host)"
  ping -c 1 -W 5 "$(address_of vm1)" >/dev/null || fail 'the host gets no reply from vm1'
}

streams_arrive_whole() {
  expect_stream vm1 vm2 "$(address_of vm2)"
  expect_stream vm2 vm1 "$(address_of vm1)"
}

carriers() {
  local name
  for name in "${guests[@]}"; do
    on "$name" 'cat /sys/class/net/eth0/carrier_changes'
    cat "/sys/class/net/vnet${name#vm}/carrier_changes"
  done
}

# lasting COMMAND...: while vm1 pings vm2, and sends it a stream.
lasting() {
  local before lost
  before=$(carriers)
  on vm1 "ping -i 0.02 -c 250 $(address_of vm2) >/run/pings 2>&1 </dev/null &"
  on vm1 'until grep -qs seq=20 /run/pings; do sleep 0.05; done'
  "$@"
  expect_stream vm1 vm2 "$(address_of vm2)"
  on vm1 'until grep -q transmitted /run/pings; do sleep 0.1; done'
  lost=$(on vm1 'sed -n "s/^\([0-9]*\) packets transmitted, \([0-9]*\) .*/\1 \2/p" /run/pings')
  echo "of the pings, ${lost% *} were sent and ${lost#* } answered"
  ((${lost% *} - ${lost#* } < 25)) || fail "pings were lost: $lost"
  ! on vm1 'grep DUP /run/pings' || fail 'replies came twice'
  [[ $(carriers) == "$before" ]] || fail 'a link went down'
}

guests_go_on_when_the_bridge_is_taken_over() {
  lasting tapctl adopt br0
  [[ $(bridge link) != *vnet1* && -n $(tapctl port show vnet1) ]] || fail 'vnet1 is no port'
  all_reach_each_other
}

guests_go_on_when_the_bridge_is_given_back() {
  lasting tapctl release
  [[ $(bridge link) == *vnet1* && $(bridge link) == *vnet2* ]] || fail 'the ports are not back'
  all_reach_each_other
}

main() {
  local name
  ip link add br0 type bridge || skip 'this kernel has no bridge'
  ip address add "$(address_of host)/24" dev br0
  ip link set br0 up
  for name in "${guests[@]}"; do boot "$name"; done
  for name in "${guests[@]}"; do configure "$name"; done
  tapswitchd --name=sw0 >/run/tapswitch.log 2>&1 &
  wait_for tapctl bridge show >/dev/null 2>&1
  check all_reach_each_other guests_go_on_when_the_bridge_is_taken_over streams_arrive_whole \
    guests_go_on_when_the_bridge_is_given_back streams_arrive_whole
  echo 'ok: all'
}

enter_namespaces "$@"
shift
PATH=$(IFS=:; echo "$*"):$PATH
main
