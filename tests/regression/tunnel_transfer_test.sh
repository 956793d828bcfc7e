#!/usr/bin/env bash
# Bulk TCP, by itself and inside tunnels, between two stations behind veth netdev ports arrives as it
# was sent, whatever the station's stack leaves uncut, and whoever carries it: the switch, or the
# kernel for it. What was uncut in a tunnel was dropped.
#
#   tunnel_transfer_test.sh TAPCTL switch|kernel    with TAPSWITCHD in the environment
set -euo pipefail

readonly tapctl=$1 carrier=$2
readonly id=tt$$
dir=$(mktemp -d)
readonly dir
switch=

clean_up() {
  if [[ -n $switch ]]; then
    kill -TERM "$switch" 2>/dev/null || true
    wait "$switch" 2>/dev/null || true
  fi
  local host
  for host in sw h1 h2; do ip netns delete "$id$host" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $*"
  cat "$dir/log" 2>/dev/null || true
  exit 1
}

on() { ip netns exec "$id$1" "${@:2}"; }

if [[ $(id -u) != 0 ]] || ! command -v socat >/dev/null; then exit 77; fi
ip netns add "${id}sw" 2>/dev/null || exit 77
for n in 1 2; do
  ip netns add "${id}h$n"
  on sw ip link add "p$n" up type veth peer name eth0 netns "${id}h$n"
  on "h$n" ip link set lo up
  on "h$n" ip link set eth0 up
  on "h$n" ip address add "10.9.0.$n/24" dev eth0
  on "h$n" ip address add "fd09::$n/64" dev eth0 nodad
done
case $carrier in
  switch) kernel_forwarding=off ;;
  kernel) kernel_forwarding=auto ;;
esac
ip netns exec "${id}sw" "$TAPSWITCHD" --name="$id" --control_socket="$dir/ctl" \
  --kernel_forwarding="$kernel_forwarding" netdev:p1 netdev:p2 2>"$dir/log" &
switch=$!
for _ in $(seq 100); do
  grep -q ready: "$dir/log" && break
  kill -0 "$switch" 2>/dev/null || fail "the switch ended"
  sleep 0.1
done
head -c 20M /dev/urandom >"$dir/payload"

# transfer ADDRESS: from h1 to h2.
transfer() {
  on h2 socat -u TCP6-LISTEN:5061,reuseaddr "CREATE:$dir/received" &
  local -r receiver=$!
  if ! on h1 timeout 20 socat -u "OPEN:$dir/payload" "TCP:$1:5061,retry=100,interval=0.1"; then
    kill "$receiver" 2>/dev/null
    return 1
  fi
  wait "$receiver"
  cmp "$dir/payload" "$dir/received"
}

# Prints how many frames from h1 the kernel has carried, and how many there were.
count_frames() {
  "$tapctl" -B "$dir/ctl" -j -s port show p1 | python3 -c '
import json, sys
port = json.load(sys.stdin)[0]
print(port["kernel"]["rx"], port["stats64"]["rx"]["packets"])'
}

# check_carrier NAME KERNEL ALL: whether the right one has carried what came since these counts.
check_carrier() {
  local by_kernel all
  read -r by_kernel all < <(count_frames)
  ((all > $3)) || fail "$1: no frame was counted"
  case $carrier in
    switch) ((by_kernel == 0)) || fail "$1: the kernel carried $by_kernel frames" ;;
    # What comes before a conversation is given to the kernel is carried by the switch.
    kernel) ((2 * (by_kernel - $2) > all - $3)) ||
      fail "$1: the kernel carried $((by_kernel - $2)) of $((all - $3)) frames" ;;
  esac
}

dropped() {
  "$tapctl" -B "$dir/ctl" -j -s port show p1 | grep -oE '"(bad|unsupported)_offload[a-z_]*": ?[1-9]+'
}

# check_transfer NAME ADDRESS
check_transfer() {
  local by_kernel all
  read -r by_kernel all < <(count_frames)
  transfer "$2" || fail "$1: TCP to $2"
  if dropped; then fail "$1: frames were dropped"; fi
  check_carrier "$1" "$by_kernel" "$all"
  echo "ok: $1"
}

# check NAME TYPE [OPTION...]: L and R stand for the outer addresses.
check() {
  local -r name=$1 type=$2
  local n arguments
  for n in 1 2; do
    arguments=("${@:3}")
    arguments=("${arguments[@]//L4/10.9.0.$n}")
    arguments=("${arguments[@]//R4/10.9.0.$((3 - n))}")
    arguments=("${arguments[@]//L6/fd09::$n}")
    arguments=("${arguments[@]//R6/fd09::$((3 - n))}")
    if ! on "h$n" ip link add tun9 type "$type" "${arguments[@]}" 2>/dev/null; then
      echo "skipped: $name: this kernel has none"
      on h1 ip link delete tun9 2>/dev/null || true
      return
    fi
    on "h$n" ip link set tun9 up
    # What the tunnel cannot carry itself is refused by the kernel.
    on "h$n" ip address add "10.8.0.$n/24" dev tun9
    on "h$n" ip address add "fd08::$n/64" dev tun9 nodad 2>/dev/null || true
  done
  if [[ $name != *"IPv6 in"* ]]; then
    check_transfer "$name" 10.8.0.2
  else
    check_transfer "$name" "[fd08::2]"
  fi
  for n in 1 2; do on "h$n" ip link delete tun9; done
}

if [[ $carrier == kernel ]] && ! "$tapctl" -B "$dir/ctl" -j kernel show | grep -q '"on"'; then
  echo "skipped: the kernel carries nothing here"
  exit 77
fi
check_transfer "TCP over IPv4" 10.9.0.2
check_transfer "TCP over IPv6" "[fd09::2]"
check "VXLAN" vxlan id 7 local L4 remote R4 dstport 4789
check "VXLAN with outer checksums" vxlan id 7 local L4 remote R4 dstport 4789 udpcsum
check "VXLAN over IPv6, IPv6 inside: IPv6 in UDP" vxlan id 7 local L6 remote R6 dstport 4789
check "Geneve" geneve id 7 remote R4
check "Geneve with outer checksums" geneve id 7 remote R4 udpcsum
check "GRE" gre local L4 remote R4
check "GRE with key and checksum" gre local L4 remote R4 key 5 csum
check "GRETAP" gretap local L4 remote R4
check "GRE over IPv6" ip6gre local L6 remote R6
check "IPIP" ipip local L4 remote R4
check "SIT: IPv6 in IPv4" sit local L4 remote R4
check "IP6IP6: IPv6 in IPv6" ip6tnl mode ip6ip6 local L6 remote R6
check "IPIP6: IPv4 over IPv6" ip6tnl mode ipip6 local L6 remote R6
echo "ok: all"
