# shellcheck shell=bash
# What tests with guests of QEMU have in common; to be sourced. A test runs in network, mount and
# process namespaces of its own, with an empty /run: all that it makes ends with it.
#
# A station is a guest (vm1, vm2, ...), known to tools/guest, or else the name of a network
# namespace. A test defines `before_failure`, to show what helps to understand one.

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly source_dir
readonly guest=$source_dir/tools/guest
readonly patience_s=60 # emulated processors, on a machine that may be busy
# What all stations send: each has it in /run/payload. Lines that differ, so that nothing that is
# lost, doubled or exchanged leaves the hash as it is.
readonly payload_lines=400000
readonly datagrams_bytes=64000 # fits into a socket's receive buffer
export TAPSWITCH_GUESTS=/run/guests
export TAPSWITCH_GUEST_PATIENCE=$patience_s

# shellcheck source=tools/guest.d/kernel.sh
source "$source_dir/tools/guest.d/kernel.sh"

# enter_namespaces "$@": runs the test again in its namespaces, and returns when that is done.
enter_namespaces() {
  if [[ ${1:-} != --inside ]]; then
    ((EUID == 0)) || skip 'namespaces need root'
    [[ -c /dev/net/tun ]] || skip '/dev/net/tun is missing'
    # Not in there, where no server can be asked for a kernel.
    "$guest" prepare || exit
    exec unshare --mount --net --pid --fork --kill-child --mount-proc \
      bash "$0" --inside "$@"
  fi
  mount -t tmpfs tmpfs /run
  mount -t sysfs sysfs /sys
  ip link set lo up
}

fail() {
  echo "FAILED: $*"
  before_failure || true
  exit 1
}

eventually() {
  local deadline=$((SECONDS + patience_s))
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

wait_for() {
  eventually "$@" || fail "not within $patience_s s: $*"
}

# check RULE...: functions that hold, shown with the time each took.
check() {
  local rule started
  for rule in "$@"; do
    started=$SECONDS
    "$rule"
    echo "ok: $rule ($((SECONDS - started)) s)"
  done
}

# --- stations -------------------------------------------------------------------------------------

# on STATION COMMAND: a line for a shell.
on() {
  case $1 in
    vm[0-9]) "$guest" exec "$1" "${*:2}" ;;
    *) ip netns exec "$1" sh -c "${*:2}" </dev/null ;;
  esac
}

# start_guest NAME OPTION...: QEMU with the options of tools/guest and these.
start_guest() {
  local options
  options=$("$guest" options "$1")
  # shellcheck disable=SC2086  # several options
  qemu-system-x86_64 $options "${@:2}" </dev/null >"$TAPSWITCH_GUESTS/$1/emulator.log" 2>&1 &
}

# until_booted NAME: fails at once when QEMU ended.
until_booted() {
  on "$1" true || fail "$1 does not boot: $(cat "$TAPSWITCH_GUESTS/$1/emulator.log")"
}

make_payload() {
  on "$1" "seq 1 $payload_lines >/run/payload; head -c $datagrams_bytes /run/payload >/run/datagrams"
}

# kill_guest NAME: as it is when QEMU crashes.
kill_guest() {
  local pid
  pid=$("$guest" pid "$1")
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null || true
}

# --- traffic --------------------------------------------------------------------------------------

reaches() {
  on "$1" "ping -c 1 -W 1 $2" >/dev/null 2>&1
}

# expect_reachable STATION ADDRESS
expect_reachable() {
  eventually reaches "$1" "$2" || fail "$1 gets no reply from $2"
}

hash_of() {
  on "$1" "sha256sum <$2"
}

# bracketed ADDRESS: as socat wants it.
bracketed() {
  if [[ $1 == *:* ]]; then echo "[$1]"; else echo "$1"; fi
}

# expect_stream FROM TO ADDRESS: the payload arrives over TCP as it was.
expect_stream() {
  local -r from=$1 to=$2 address=$3
  on "$to" "rm -f /run/received; (socat -u TCP6-LISTEN:5061,reuseaddr CREATE:/run/part;
    mv /run/part /run/received) </dev/null >/dev/null 2>&1 &"
  on "$from" "timeout $patience_s socat -u OPEN:/run/payload \
    TCP:$(bracketed "$address"):5061,retry=$((10 * patience_s)),interval=0.1" ||
    fail "$from cannot send to $to, $address, over TCP"
  on "$to" "timeout $patience_s sh -c 'until [ -e /run/received ]; do sleep 0.1; done'" || true
  [[ $(hash_of "$to" /run/received) == "$(hash_of "$from" /run/payload)" ]] ||
    fail "what $from sent to $to, $address, over TCP arrived otherwise"
}

# Frames may be lost where the machine is busy: so it may take several attempts.
datagrams_arrive() {
  local -r from=$1 to=$2 address=$3 size=$4
  on "$to" "rm -f /run/received
    timeout $patience_s socat -u UDP6-RECV:5062 CREATE:/run/received </dev/null >/dev/null 2>&1 &
    echo \$! >/run/receiver; until grep -q :13C6 /proc/net/udp6; do sleep 0.05; done"
  on "$from" "socat -u -b $size OPEN:/run/datagrams UDP-SENDTO:$(bracketed "$address"):5062" ||
    fail "$from cannot send to $to, $address, over UDP"
  on "$to" "for i in \$(seq 50); do
      [ \$(wc -c </run/received) -lt $datagrams_bytes ] || break; sleep 0.1
    done
    kill \$(cat /run/receiver); while grep -q :13C6 /proc/net/udp6; do sleep 0.05; done"
  [[ $(hash_of "$to" /run/received) == "$(hash_of "$from" /run/datagrams)" ]]
}

# expect_datagrams FROM TO ADDRESS SIZE: the payload arrives in datagrams of that size. Datagrams
# above the MTU go in fragments.
expect_datagrams() {
  datagrams_arrive "$@" || datagrams_arrive "$@" || datagrams_arrive "$@" ||
    fail "what $1 sent to $2, $3, in datagrams of $4 bytes arrived otherwise, three times"
}
