#!/usr/bin/env bash
# DPDK's testpmd as a guest with two ports of virtio-user, by an ordinary user and without huge
# pages: the switch listens at one, and connects to the other. In namespaces of its own; $1 is
# tapctl, $TAPSWITCHD the switch.
set -euo pipefail

if [[ -z ${IN_NAMESPACES:-} ]]; then
  if ! type -P dpdk-testpmd >/dev/null; then
    echo 'skipped: there is no dpdk-testpmd: apt install dpdk-dev'
    exit 77
  fi
  IN_NAMESPACES=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi

readonly TAPCTL=$1
readonly user=65534
readonly frames=10000 # that go round, of 128 in each direction
readonly patience_s=120
mount -t tmpfs none /run
ip link set lo up
export XDG_RUNTIME_DIR=/run/user
mkdir "$XDG_RUNTIME_DIR"
chown "$user:$user" "$XDG_RUNTIME_DIR"
cd "$XDG_RUNTIME_DIR"
mkfifo -m 666 commands

fail() {
  echo "FAILED: $*" >&2
  tail -n 40 guest.log switch.log >&2
  exit 1
}

# Not even what the bounding set has.
as_user() {
  setpriv --reuid="$user" --regid="$user" --clear-groups --bounding-set=-all --no-new-privs "$@"
}

wait_for() {
  local deadline=$((SECONDS + patience_s))
  until "$@"; do
    ((SECONDS < deadline)) || fail "not within $patience_s s: $*"
    sleep 0.1
  done
}

is_up() {
  [[ $(as_user "$TAPCTL" port show "$1") == *' link up '* ]]
}

# received PORT: frames that the switch has had from it.
received() {
  as_user "$TAPCTL" -j -s port show "$1" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["rx"]["packets"])'
}

has_received() {
  (($(received "$1") >= $2))
}

start_switch() {
  as_user "$TAPSWITCHD" vhost:p0,path="$PWD/p0.sock" vhost:p1,mode=client,path="$PWD/p1.sock" \
    >>switch.log 2>&1 &
  switch=$!
  as_user "$TAPCTL" wait timeout 30s
}

test_frames_go_round() {
  is_up p0 && fail 'up without a guest'
  as_user dpdk-testpmd --no-huge -m 256 --no-pci --no-telemetry --lcores 0@0,1@0 \
    --vdev=net_virtio_user0,path="$PWD/p0.sock",mac=02:00:00:00:00:01 \
    --vdev=net_virtio_user1,path="$PWD/p1.sock",mac=02:00:00:00:00:02,server=1 \
    -- -i --no-mlockall --total-num-mbufs=16384 \
    --eth-peer=0,02:00:00:00:00:02 --eth-peer=1,02:00:00:00:00:01 <commands >guest.log 2>&1 &
  guest=$!
  exec 3>commands
  wait_for is_up p0
  wait_for is_up p1
  echo 'start tx_first 4' >&3
  wait_for has_received p0 "$frames"
  wait_for has_received p1 "$frames"
  [[ $(as_user "$TAPCTL" -d -s port show) != *receive_bad_header* ]] || fail 'frames were refused'
}

# The port at which DPDK does not listen is lost, which is how DPDK is made.
test_a_switch_that_was_killed_connects_again() {
  echo stop >&3
  kill -KILL "$switch"
  wait "$switch" || true
  start_switch
  wait_for is_up p1
  echo 'start tx_first 4' >&3
  wait_for has_received p1 128
}

test_the_guest_ends_as_it_was_told() {
  printf 'stop\nquit\n' >&3
  exec 3>&-
  wait "$guest" || fail "testpmd ended with status $?"
  [[ $(grep --count "RX-packets: [1-9][0-9]" guest.log) -ge 3 ]] || fail 'a port got nothing'
  as_user "$TAPCTL" stop
}

start_switch
for test in test_frames_go_round test_a_switch_that_was_killed_connects_again \
  test_the_guest_ends_as_it_was_told; do
  echo "$test"
  "$test"
done
