#!/bin/bash
# Two guests of QEMU and a network namespace talk through tapswitchd, in each way in which QEMU can
# be joined to it, and go on when switch, guest or QEMU end and come back.
#
#   guests_test.sh BIN-FOLDER...    where tapswitchd, tapctl and tapswitch-qemu-helper are
#
# Needs root. All ways share the two guests: each is a network device there, a switch and a
# namespace here. Way number K has the network 10.70.K.0/24 and fd70:0:0:K::/64, with the guests as
# 1 and 2, and the namespace, named as the way, as 9.

set -Eeuo pipefail
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# shellcheck source=tests/vm/stations.sh
source "$(dirname "${BASH_SOURCE[0]}")/stations.sh"

#   tap       -netdev tap,ifname=, and netdev: ports
#   bare      the same, but the device of vm2 has no offloads
#   macvtap   -netdev tap,fd= of a macvtap on a TAP port
#   helper    -netdev tap,helper= and -netdev bridge,helper=
#   stream    -netdev stream, and unix: ports
#   dgram     -netdev dgram, and unix: ports
readonly ways=(tap bare macvtap helper stream dgram)
readonly guests=(vm1 vm2)
readonly host_number=9
readonly no_offloads=csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off

before_failure() {
  local way name
  for way in "${ways[@]}"; do
    echo "--- the switch $way"
    tail -n 15 "/run/$way.log"
    tapctl -B "$way" -s port show
  done
  for name in "${guests[@]}"; do
    echo "--- $name"
    tail -n 15 "$TAPSWITCH_GUESTS/$name"/*.log
    "$guest" exec "$name" 'ip address; arp; dmesg | tail -n 5'
  done
}

number_of() {
  case $1 in
    vm*) echo "${1#vm}" ;;
    *) echo "$host_number" ;;
  esac
}

# ipv4 WAY STATION, ipv6 WAY STATION
ipv4() { echo "10.70.$(index_of "$1").$(number_of "$2")"; }
ipv6() { echo "fd70:0:0:$(index_of "$1")::$(number_of "$2")"; }

index_of() {
  local index
  for index in "${!ways[@]}"; do
    [[ ${ways[index]} != "$1" ]] || echo "$index"
  done
}

# --- switches -------------------------------------------------------------------------------------

# ports_of WAY: one a line; those that a switch can start with before QEMU runs.
ports_of() {
  echo "host-$1,netns=$1,up=off"
  case $1 in
    macvtap) printf '%s\n' "$1-vm1,persist" "$1-vm2,persist" ;;
    stream) printf 'unix:stream-%s,path=/run/stream-%s\n' vm1{,} vm2{,} ;;
    dgram)
      printf 'unix:dgram-%s,mode=dgram,path=/run/dgram-%s,remote=/run/dgram-%s.qemu\n' \
        vm1{,,} vm2{,,}
      ;;
  esac
}

# Those that come with QEMU.
late_ports_of() {
  case $1 in
    tap | bare) printf '%s\n' "netdev:$1-vm1" "netdev:$1-vm2" ;;
  esac
}

# start_switch WAY [FUNCTION]: with the ports that FUNCTION adds to the first ones. It is ready then.
start_switch() {
  local ports
  mapfile -t ports < <(ports_of "$1" && "${2:-:}" "$1")
  tapswitchd --name="$1" "${ports[@]}" >>"/run/$1.log" 2>&1 &
  echo $! >"/run/$1.pid"
  wait_for tapctl -B "$1" bridge show >/dev/null 2>&1
  ip -n "$1" -batch - <<END
address add $(ipv4 "$1" host)/24 dev host-$1
address add $(ipv6 "$1" host)/64 dev host-$1 nodad
link set host-$1 up
END
}

# stop_switch WAY SIGNAL
stop_switch() {
  local pid
  pid=$(<"/run/$1.pid")
  kill "-$2" "$pid"
  wait "$pid" 2>/dev/null || [[ $2 == KILL ]] || fail "switch $1: exit status $?"
}

# --- guests ---------------------------------------------------------------------------------------

# prepare WAY GUEST: what QEMU finds, if something has to be there.
prepare() {
  case $1 in
    macvtap)
      [[ -e /sys/class/net/mac-$2 ]] ||
        ip link add link "$1-$2" name "mac-$2" type macvtap mode passthru
      # Else IPv6 gets no neighbour solicitations: a macvtap knows no groups of its guest.
      ip link set "mac-$2" address "$(mac_of "$1" "$2")" allmulticast on up
      ;;
  esac
}

mac_of() {
  printf '52:54:00:70:%02x:%02x\n' "$(index_of "$1")" "$(number_of "$2")"
}

# netdev_of WAY GUEST: the value of -netdev, but for id=.
netdev_of() {
  case $1 in
    tap | bare) echo "tap,ifname=$1-$2,script=no,downscript=no" ;;
    macvtap) echo "tap,fd=9" ;;
    helper)
      if [[ $2 == vm1 ]]; then echo -n tap; else echo -n bridge; fi
      echo ",br=helper,helper=$(command -v tapswitch-qemu-helper)"
      ;;
    stream) echo "stream,server=off,addr.type=unix,addr.path=/run/stream-$2$reconnect" ;;
    dgram)
      echo "dgram,local.type=unix,local.path=/run/dgram-$2.qemu" \
        "remote.type=unix,remote.path=/run/dgram-$2" | tr ' ' ,
      ;;
  esac
}

# Sets `reconnect` to the option that makes a stream come back, empty where QEMU has none (below 8.0).
find_reconnect() {
  local answer
  for reconnect in ,reconnect-ms=500 ,reconnect=1; do
    answer=$(timeout 1 qemu-system-x86_64 -machine none -nodefaults -display none -netdev \
      "stream,id=n,server=off,addr.type=unix,addr.path=/run/none$reconnect" 2>&1 || true)
    [[ $answer == *unexpected* ]] || return 0
  done
  reconnect=
}

device_properties_of() {
  if [[ $1 == bare && $2 == vm2 ]]; then echo ",$no_offloads"; fi
}

boot() {
  local name=$1 way options=()
  for way in "${ways[@]}"; do
    prepare "$way" "$name"
    options+=(-netdev "$(netdev_of "$way" "$name"),id=$way" -device
      "virtio-net-pci,netdev=$way,mac=$(mac_of "$way" "$name")$(device_properties_of "$way" "$name")")
  done
  start_guest "$name" "${options[@]}" 9<>"/dev/tap$(<"/sys/class/net/mac-$name/ifindex")"
}

# What a host does when QEMU runs: brings up the TAPs that QEMU made, the switch's ports or to be.
bring_up_taps() {
  local way
  for way in "${ways[@]}"; do
    case $way in
      tap | bare)
        wait_for ip link set "$way-$1" up 2>/dev/null
        ;;
    esac
  done
}

add_late_ports() {
  local port
  for port in $(late_ports_of "$1"); do tapctl -B "$1" port add "$port"; done
}

configure() {
  local way
  until_booted "$1"
  for way in "${ways[@]}"; do
    on "$1" "ip address add $(ipv4 "$way" "$1")/24 dev eth$(index_of "$way")
      ip address add $(ipv6 "$way" "$1")/64 dev eth$(index_of "$way")" >/dev/null
  done
  make_payload "$1"
}

# --- what holds for each way ----------------------------------------------------------------------

all_reach_each_other() {
  local from to
  for from in vm1 vm2 "$way"; do
    for to in vm1 vm2 host; do
      [[ $to != "$from" && $to$from != "host$way" ]] || continue
      expect_reachable "$from" "$(ipv4 "$way" "$to")"
      expect_reachable "$from" "$(ipv6 "$way" "$to")"
    done
  done
}

offloads_are_as_expected() {
  local expected name features
  for name in "${guests[@]}"; do
    expected=on
    if [[ $way == bare && $name == vm2 || $way == stream || $way == dgram ]]; then expected=off; fi
    features=$(on "$name" "ethtool -k eth$(index_of "$way")")
    [[ $features == *"tcp-segmentation-offload: $expected"* ]] ||
      fail "$name has not tcp-segmentation-offload $expected: $features"
  done
}

streams_arrive_whole() {
  expect_stream vm1 vm2 "$(ipv4 "$way" vm2)"
  expect_stream vm2 vm1 "$(ipv6 "$way" vm1)"
  expect_stream vm1 "$way" "$(ipv6 "$way" host)"
  expect_stream "$way" vm1 "$(ipv4 "$way" vm1)"
  expect_stream "$way" vm2 "$(ipv4 "$way" vm2)"
}

# Frames of several segments, from guest to guest, where both can.
segments_stay_together() {
  local before after
  [[ $way == tap || $way == macvtap ]] || return 0
  before=$(received_by "$way-vm2")
  expect_stream vm1 vm2 "$(ipv4 "$way" vm2)"
  after=$(received_by "$way-vm2")
  ((${after% *} - ${before% *} > 3000 * (${after#* } - ${before#* }))) ||
    fail "from '$before' to '$after' (bytes, frames): less than 3000 bytes a frame"
}

# Bytes and frames that went out by a port.
received_by() {
  tapctl -B "$way" -j -s port show "$1" | jq --raw-output '.[0].stats64.tx | "\(.bytes) \(.packets)"'
}

datagrams_arrive_whole() {
  expect_datagrams vm1 vm2 "$(ipv4 "$way" vm2)" 1400
  expect_datagrams vm2 vm1 "$(ipv6 "$way" vm1)" 1400
  expect_datagrams vm1 vm2 "$(ipv6 "$way" vm2)" 8000
  expect_datagrams vm2 "$way" "$(ipv4 "$way" host)" 8000
  expect_datagrams "$way" vm1 "$(ipv4 "$way" vm1)" 8000
}

check_way() {
  local way=$1
  echo "== $way"
  check all_reach_each_other offloads_are_as_expected streams_arrive_whole segments_stay_together \
    datagrams_arrive_whole
}

# --- services -------------------------------------------------------------------------------------

# dnsmasq, in the namespace of the way `tap`: DHCP for addresses above 100, and router
# advertisements of fd71::/64.
start_dnsmasq() {
  [[ ! -e /run/dnsmasq.pid ]] || return 0
  ip -n tap address add fd71::9/64 dev host-tap nodad
  ip netns exec tap dnsmasq --conf-file=/dev/null --user=root --port=0 --interface=host-tap \
    --bind-interfaces --leasefile-ro --pid-file=/run/dnsmasq.pid --log-facility=/run/dnsmasq.log \
    --dhcp-range="10.70.$(index_of tap).100,10.70.$(index_of tap).150" --no-ping --enable-ra \
    --dhcp-range=fd71::,ra-only,64
}

dhcp_gives_a_guest_its_address() {
  start_dnsmasq
  on vm1 'ip -4 address flush dev eth0; udhcpc -n -q -t 20 -T 1 -i eth0' >/run/udhcpc.log ||
    fail "no lease: $(cat /run/udhcpc.log /run/dnsmasq.log)"
  local -r address=$(on vm1 'ip -4 -o address show dev eth0' | grep -o '10\.70\.[0-9.]*' | head -n 1)
  [[ $address == 10.70.*.1?? ]] || fail "vm1 has the address '$address'"
  expect_reachable tap "$address"
  on vm1 "ip address add $(ipv4 tap vm1)/24 dev eth0"
}

has_ipv6_of_router() {
  [[ $(on vm2 'ip -6 -o address show dev eth0') == *fd71:* ]]
}

ipv6_configures_itself() {
  start_dnsmasq
  # A device that comes up asks for routers.
  on vm2 'ip link set eth0 down; ip link set eth0 up'
  wait_for has_ipv6_of_router
  expect_reachable vm2 fd71::9
  on vm2 "ip address add $(ipv6 tap vm2)/64 dev eth0"
}

# --- faults ---------------------------------------------------------------------------------------

# A connection of vm1 to vm2 is open while the switch ends, kindly or not, and another one comes.
connections_survive_another_switch() {
  local signal carrier
  local -r lines=30 eth=eth$(index_of "$way")
  for signal in TERM KILL; do
    on vm2 'rm -f /run/trickle; socat -u TCP6-LISTEN:5063,reuseaddr CREATE:/run/trickle \
      </dev/null >/dev/null 2>&1 &'
    on vm1 "(for i in \$(seq $lines); do echo line \$i; sleep 0.1; done |
      socat -u - TCP:$(ipv4 "$way" vm2):5063,retry=50,interval=0.1) </dev/null >/dev/null 2>&1 &"
    wait_for on vm2 'grep -qs line /run/trickle'
    carrier=$(on vm1 "cat /sys/class/net/$eth/carrier_changes")
    stop_switch "$way" "$signal"
    start_switch "$way" late_ports_of
    wait_for on vm2 "[ \$(wc -l </run/trickle) = $lines ]"
    [[ $(on vm2 'cat /run/trickle') == "$(seq --format='line %.0f' "$lines")" ]] ||
      fail "not what was sent: $(on vm2 'cat /run/trickle')"
    [[ $(on vm1 "cat /sys/class/net/$eth/carrier_changes") == "$carrier" ]] || fail 'vm1 lost its link'
    expect_reachable "$way" "$(ipv4 "$way" vm1)"
  done
}

# It is another run of the guest: what the last one kept in memory is gone.
has_rebooted() {
  TAPSWITCH_GUEST_PATIENCE=5 on "$1" '[ ! -e /run/payload ]' 2>/dev/null
}

guests_may_reboot() {
  local way
  on vm1 '(sleep 0.2; reboot -f) </dev/null >/dev/null 2>&1 &'
  wait_for has_rebooted vm1
  configure vm1
  for way in "${ways[@]}"; do
    expect_reachable vm1 "$(ipv4 "$way" vm2)"
    expect_stream "$way" vm1 "$(ipv4 "$way" vm1)"
  done
}

# Its TAPs go with it, if it made them. The others go on, and its ports come back with it.
qemu_may_be_killed() {
  local way
  kill_guest vm2
  for way in "${ways[@]}"; do
    expect_reachable vm1 "$(ipv4 "$way" host)"
    expect_stream vm1 "$way" "$(ipv4 "$way" host)"
  done
  boot vm2
  bring_up_taps vm2
  configure vm2
  for way in "${ways[@]}"; do
    expect_reachable vm1 "$(ipv4 "$way" vm2)"
    expect_stream vm2 vm1 "$(ipv4 "$way" vm1)"
  done
}

# carriers NAME...: how often the links of these guests have changed.
carriers() {
  local name
  for name in "$@"; do on "$name" "cat /sys/class/net/eth$(index_of "$way")/carrier_changes"; done
}

# Each ping is answered, between guests and from the namespace, while other processes take over.
an_upgrade_is_not_noticed() {
  local before pings
  before=$(carriers "${guests[@]}")
  on vm1 "(for i in \$(seq 100); do ping -q -c 1 -W 10 $(ipv4 "$way" vm2) >/dev/null || echo lost; done
    echo ended) </dev/null >/run/pings 2>&1 &"
  ip netns exec "$way" ping -q -c 300 -i 0.01 -W 10 "$(ipv4 "$way" vm1)" >"/run/pings-$way" &
  pings=$!
  for _ in 1 2 3; do tapctl -B "$way" upgrade >/dev/null; done
  wait "$pings" || fail "no ping was answered: $(cat "/run/pings-$way")"
  grep --quiet ' 0% packet loss' "/run/pings-$way" || fail "lost: $(cat "/run/pings-$way")"
  wait_for on vm1 'grep -qs ended /run/pings'
  [[ $(on vm1 'cat /run/pings') == ended ]] ||
    fail "vm1 lost pings: $(on vm1 'grep -c lost /run/pings')"
  [[ $(carriers "${guests[@]}") == "$before" ]] || fail 'a guest lost its link'
}

# --------------------------------------------------------------------------------------------------

# What an administrator does once: says who may use the helper.
allow_helper() {
  mkdir /run/etc /run/etc.work
  mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc.work overlay /etc ||
    skip 'there are no overlay file systems'
  mkdir -p /etc/tapswitch
  echo 'allow helper' >/etc/tapswitch/bridge.conf
}

main() {
  local way name reconnect
  find_reconnect
  allow_helper
  make_payload_here
  for way in "${ways[@]}"; do
    ip netns add "$way"
    start_switch "$way"
  done
  for name in "${guests[@]}"; do boot "$name"; done
  for name in "${guests[@]}"; do bring_up_taps "$name"; done
  for way in "${ways[@]}"; do add_late_ports "$way"; done
  for name in "${guests[@]}"; do configure "$name"; done
  for way in "${ways[@]}"; do check_way "$way"; done
  echo '== services and faults'
  check dhcp_gives_a_guest_its_address ipv6_configures_itself
  for way in tap macvtap dgram ${reconnect:+stream}; do check connections_survive_another_switch; done
  [[ -n $reconnect ]] || echo 'not tested: stream with another switch, for this QEMU cannot reconnect'
  check guests_may_reboot qemu_may_be_killed
  # The last, as the processes are no children of this shell from then on.
  for way in "${ways[@]}"; do
    echo "== $way, upgraded"
    check an_upgrade_is_not_noticed
  done
  echo "ok: all"
}

make_payload_here() {
  ip netns add local
  make_payload local
}

require_programs dnsmasq:dnsmasq-base jq:jq
enter_namespaces "$@"
shift
PATH=$(IFS=:; echo "$*"):$PATH
main
