#!/bin/bash
# The documents do what they say: each block of commands in tools/doc/HOWTO.md, and the demo in
# README.md, is carried out as it stands there.
#
#   howto_test.sh BUILD-FOLDER [TITLE]    all, or the one with that title
#
# Needs root. Each recipe runs in namespaces of its own, in which the build is installed. What its
# text presumes, `prepare_...` makes; what it promises, `verify_...` checks; there is one for each
# title. Nothing is inserted into the blocks, and nothing waits between their lines. The word behind a block's language says who runs it: `user` an ordinary one without any
# rights, `a` and `b` root of two machines (network namespaces, 192.0.2.1 and 192.0.2.2).

set -Eeuo pipefail
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# shellcheck source=tests/vm/stations.sh
source "$(dirname "${BASH_SOURCE[0]}")/stations.sh"

readonly user=65534
readonly user_folder=/run/user/$user
export TAPSWITCH_VM_CACHE=$guest_cache

before_failure() {
  tail -n 20 /run/howto/*.log /run/tapswitch/*.log "$user_folder"/tapswitch/*.log \
    "$TAPSWITCH_GUESTS"/*/console.log
  tapctl show
}

# --- what the documents say -----------------------------------------------------------------------

readonly howto=$source_dir/tools/doc/HOWTO.md
readonly readme=$source_dir/README.md
readonly demo='A demo of 60 seconds' # the section of the README that is carried out

# Prints the titles, one a line.
titles() {
  echo "$demo"
  sed -n 's/^### //p' "$howto"
}

# demo_section: the README's section of that title, as a recipe of the other document.
demo_section() {
  awk -v title="## $demo" '/^## / { here = ($0 == title) } here { sub(/^## /, "### "); print }' \
    "$readme"
}

documents() {
  demo_section
  cat "$howto"
}

# Each block is of a kind that is carried out or checked here, or is declared to be text.
expect_known_blocks() {
  local unknown
  unknown=$(documents | sed -n '/^```./p' |
    grep --line-regexp --invert-match --extended-regexp '```(sh( user| a| b)?|xml|text)' || true)
  [[ -z $unknown ]] || fail "nobody carries out blocks that begin with $unknown"
}

name_of() {
  tr '[:upper:]' '[:lower:]' <<<"$1" | tr --complement --squeeze-repeats 'a-z0-9\n' _
}

# blocks TITLE LANGUAGE [WHO]: the text of its blocks, one behind the other.
blocks() {
  documents | awk -v title="### $1" -v fence="\`\`\`$2${3:+ $3}" '
    inside && /^```$/ { inside = wanted = 0; next }
    wanted { print }
    !inside && /^#/ { here = ($0 == title) }
    !inside && /^```./ { inside = 1; wanted = (here && $0 == fence) }
  '
}

# --- carrying it out ------------------------------------------------------------------------------

# carry_out TITLE [WHO]: its shell blocks, by whom.
carry_out() {
  local script=/run/howto/commands${2:+.$2} as=()
  blocks "$1" sh "${2:-}" >"$script"
  [[ -s $script ]] || return 0
  case ${2:-} in
    user)
      as=(env XDG_RUNTIME_DIR="$user_folder" setpriv --reuid="$user" --regid="$user" --clear-groups)
      # The helper is a way to more rights, else there is none.
      [[ $1 == QEMU* ]] || as+=(--bounding-set=-all --no-new-privs)
      ;;
    # Machines share no control sockets.
    [ab]) as=(ip netns exec "$2" sh -c 'mount -t tmpfs tmpfs /run/tapswitch
      if [ -d /run/frr ]; then
        cp -a /etc/frr "/run/frr.$0"
        mount --bind "/run/frr.$0" /etc/frr
        mount -t tmpfs -o mode=755,uid=frr,gid=frr tmpfs /run/frr
      fi
      exec "$@"' "$2") ;;
  esac
  chmod 644 "$script"
  (cd "$user_folder" && "${as[@]}" bash -eu "$script") \
    >"$script.log" 2>&1 </dev/null || fail "$1: status $? of: $(cat "$script")"
}

# The build as if it were a package: in /usr, below a layer that takes the changes.
install_build() {
  local folder
  for folder in etc usr; do
    mkdir "/run/$folder" "/run/$folder.work"
    mount -t overlay -o "lowerdir=/$folder,upperdir=/run/$folder,workdir=/run/$folder.work" \
      overlay "/$folder" || skip 'there are no overlay file systems'
  done
  cmake --install "$1" --prefix /usr >/dev/null
  # Where others may read it, who may not enter the source tree.
  mkdir /run/vm-cache
  mount --bind "$guest_cache" /run/vm-cache
  export TAPSWITCH_VM_CACHE=/run/vm-cache
}

# run_one BUILD TITLE: in namespaces of its own.
run_one() {
  local -r name=$(name_of "$2")
  mount -t tmpfs tmpfs /run
  mount -t sysfs sysfs /sys
  ip link set lo up
  mkdir -p /run/howto /run/tapswitch /run/netns "$user_folder"
  chown "$user:$user" "$user_folder"
  install_build "$1"
  if declare -F "prepare_$name" >/dev/null; then "prepare_$name"; fi
  carry_out "$2"
  carry_out "$2" a
  carry_out "$2" b
  carry_out "$2" user
  "verify_$name"
}

# --- what the how-tos presume ---------------------------------------------------------------------

# Sets VM1 and VM2.
describe_guests() {
  export VM1 VM2
  VM1=$("$guest" options vm1 10.0.0.1/24 fd00::1/64)
  VM2=$("$guest" options vm2 10.0.0.2/24 fd00::2/64)
  chown -R "$user:$user" "$TAPSWITCH_GUESTS"
}

# Machines a and b, on one wire.
make_machines() {
  ip netns add a
  ip netns add b
  ip link add eth0 netns a type veth peer name eth0 netns b
  ip -n a address add 192.0.2.1/24 dev eth0
  ip -n b address add 192.0.2.2/24 dev eth0
  ip -n a link set eth0 up
  ip -n b link set eth0 up
}

# A lab impairs a link.
prepare_labs_from_a_file() {
  tapctl help impair >/dev/null 2>&1 || skip 'this tapctl has no impair'
  type -P dnsmasq busybox >/dev/null || skip 'dnsmasq or busybox is missing'
}

prepare_qemu() { describe_guests; }
prepare_qemu_on_a_macvtap() { describe_guests; }
prepare_qemu_started_by_an_ordinary_user() { describe_guests; }
prepare_a_switch_without_root() { describe_guests; }
prepare_vhost_user_guests_at_memory_speed() { describe_guests; }
prepare_vhost_user_dpdk_applications() {
  type -P dpdk-testpmd >/dev/null || skip 'no dpdk-testpmd: apt-get install dpdk-dev'
}
prepare_two_switches_without_root() { describe_guests; }
prepare_two_machines_joined_by_vxlan() { make_machines; }

prepare_a_layer_3_program_as_a_station() {
  prepare_two_machines_joined_by_openvpn
}

prepare_two_or_three_machines_without_bgp() { make_machines; }

# Each machine has a routing daemon of its own.
prepare_many_machines() {
  make_machines
  mkdir /run/frr
}

prepare_many_machines_as_a_lab() {
  type -P /usr/lib/frr/bgpd vtysh >/dev/null || skip 'frr is missing'
}

prepare_two_machines_joined_by_openvpn() {
  make_machines
  openvpn --genkey secret "$user_folder/static.key"
}

prepare_a_container() {
  export PID
  unshare --net sleep infinity &
  PID=$!
  until [[ $(readlink "/proc/$PID/ns/net") != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.02; done
}

# The card is one end of a wire; at the other is a machine of the network.
prepare_a_network_card_as_uplink() {
  ip netns add lan
  ip link add enp1s0 type veth peer name eth0 netns lan
  ip -n lan address add 10.0.0.3/24 dev eth0
  ip -n lan address add 192.0.2.9/24 dev lo
  ip -n lan link set lo up
  ip -n lan link set eth0 up
  ip address add 10.0.0.1/24 dev enp1s0
  ip link set enp1s0 up
  ip route add default via 10.0.0.3
}

prepare_giving_the_card_back() {
  prepare_a_network_card_as_uplink
  carry_out 'A network card as uplink'
}

# A bridge with a machine of the network, as at the card, and a guest's TAP.
prepare_taking_over_a_running_linux_bridge() {
  ip link add br0 type bridge
  ip netns add lan
  ip link add enp1s0 type veth peer name eth0 netns lan
  ip -n lan address add 10.0.0.3/24 dev eth0
  ip -n lan link set eth0 up
  ip link set enp1s0 master br0 up
  ip tuntap add vnet0 mode tap
  ip link set vnet0 master br0 up
  ip address add 10.0.0.1/24 dev br0
  ip link set br0 up
}

prepare_giving_the_linux_bridge_back() {
  prepare_taking_over_a_running_linux_bridge
  carry_out 'Taking over a running Linux bridge'
}

# --- what they promise ----------------------------------------------------------------------------

guests_reach_each_other() {
  expect_reachable vm1 10.0.0.2
  expect_reachable vm2 fd00::1
  make_payload vm1
  expect_stream vm1 vm2 10.0.0.2
}

verify_qemu() {
  guests_reach_each_other
}

verify_qemu_started_by_an_ordinary_user() {
  guests_reach_each_other
}

verify_qemu_on_a_macvtap() {
  guests_reach_each_other
}

verify_a_switch_without_root() {
  guests_reach_each_other
}

verify_vhost_user_guests_at_memory_speed() {
  guests_reach_each_other
  expect_valid_domain "$(blocks 'vhost-user: guests at memory speed' xml)"
}

verify_vhost_user_dpdk_applications() {
  local -r log=$(cat /run/howto/commands.user.log)
  [[ $(grep --count 'RX-packets: [1-9][0-9]' <<<"$log") == 3 && $log == *'drops: none'*'drops: none'* ]] ||
    fail "$log"
}

verify_two_switches_without_root() {
  guests_reach_each_other
}

verify_gns3_vpcs_dynamips_ethernet_over_udp() {
  [[ $(cat /run/howto/commands.log) == *'10.0.9.1 icmp_seq=3'*' dev pc1 '*' dev pc2 '* ]] ||
    fail "$(cat /run/howto/commands.log)"
}

# It has ended by a reply, and has cleaned up.
verify_a_demo_of_60_seconds() {
  [[ $(cat /run/howto/commands.log) == *' 1 received'* ]] || fail 'there was no reply'
  [[ -z $(ls /run/netns) ]] || fail "left behind: $(ls /run/netns)"
  ! pgrep -x tapswitchd >/dev/null || fail 'the switch still runs'
}

# The trunk's frames were captured, and the lab of the saved file works.
verify_labs_from_a_file() {
  [[ $(cat /run/howto/commands.log) == *'3 of 3 checks passed'*'h2:eth0 sw2:h2 down'* ]] ||
    fail "$(cat /run/howto/commands.log)"
  grep --quiet '<svg' "$user_folder/b1.svg" || fail 'there is no picture'
  [[ $(od -A n -t x1 -N 4 "$user_folder/trunk.pcapng") == ' 0a 0d 0d 0a' ]] || fail 'no pcapng'
  tapswitch-lab exec h5 ping -q -c 1 -w 10 10.0.10.1 >/dev/null || fail 'h5 does not reach h1'
  [[ $(tapswitch-lab link show) == *'delay 100ms'* ]] || fail "$(tapswitch-lab link show)"
}

verify_network_namespaces() {
  expect_reachable h2 10.0.0.1
}

verify_vlans() {
  expect_reachable h3 10.0.10.1
  # Not without the router.
  ip -n h1 route delete default
  ! reaches h1 10.0.20.3 || fail 'frames cross VLANs'
}

verify_switches_joined_without_a_device() {
  [[ $(cat /run/howto/commands.log) == *' 1 received'*'switch sw2 port next'* ]] ||
    fail "$(cat /run/howto/commands.log)"
}

verify_two_switches_on_one_machine() {
  expect_reachable h2 10.0.0.1
}

verify_looking_into_a_switch() {
  [[ $(od -A n -t x1 -N 4 "$user_folder/ten.pcapng") == ' 0a 0d 0d 0a' ]] || fail 'no pcapng'
}

# Nothing is carried out there.
verify_what_a_capture_on_the_host_sees() { true; }

verify_protecting_ports() {
  [[ $(tapctl save) == *'port add vnet2'*'allow 02:00:00:00:00:33,10.0.0.3'* ]] ||
    fail "$(tapctl save)"
}

verify_links_that_misbehave() {
  local -r log=$(cat /run/howto/commands.log)
  [[ $log == *' received'*'dev vnet2 egress delay 20ms jitter 5ms'* ]] || fail "$log"
  [[ $log =~ rtt\ [^=]*=\ ([0-9]+) ]] || fail "no reply came: $log"
  ((BASH_REMATCH[1] >= 35)) || fail "too soon: $log"
  [[ $(tapctl impair show) == '' ]] || fail "$(tapctl impair show)"
  wait_for pings_from_h1
}

pings_from_h1() {
  ip netns exec h1 ping -q -c 1 -W 1 10.0.0.2 >/dev/null 2>&1
}

verify_changing_a_switch_by_a_file() {
  [[ $(cat /run/howto/commands.log) == *$'\nport add vnet3 isolated on\n'* ]] ||
    fail "$(cat /run/howto/commands.log)"
  [[ $(tapctl -d link show dev vnet3) == *'isolated on'* ]] || fail "$(tapctl -d link show)"
}

verify_multicasts_only_where_they_are_wanted() {
  [[ $(cat /run/howto/commands.log) == *'mcast_snooping on'*'nothing is wrong'* ]] ||
    fail "$(cat /run/howto/commands.log)"
}

verify_upgrading() {
  [[ $(cat /run/howto/commands.log) == *'nobody forwarded for'*' 0% packet loss'* ]] ||
    fail "$(cat /run/howto/commands.log)"
}

# Both before and after the switch was killed.
verify_after_a_crash() {
  [[ $(cat /run/howto/commands.log) == *' 0% packet loss'*'not kept'*' 0% packet loss'* ]] ||
    fail "$(cat /run/howto/commands.log)"
}

verify_what_a_restart_takes_along() {
  expect_reachable h1 10.0.0.1
}

verify_metrics() {
  [[ $(cat /run/howto/commands.log) == *'tapswitch_up{'*'} 1'* ]] ||
    fail "$(cat /run/howto/commands.log)"
}

pings() {
  ping -q -c 1 -W 1 "$1" >/dev/null 2>&1
}

verify_a_container() {
  wait_for pings 10.0.0.2
}

verify_two_machines_joined_by_vxlan() {
  expect_reachable a 10.0.0.2
  make_payload a
  expect_stream a b 10.0.0.2
}

verify_a_layer_3_program_as_a_station() {
  expect_reachable a 10.0.0.2
  expect_reachable b 10.0.0.1
}

verify_many_machines() {
  verify_two_machines_joined_by_vxlan
  [[ $(cat /run/howto/commands.b.log) == *'vni 100 dev vxlan100 local 192.0.2.2'* ]] ||
    fail "$(cat /run/howto/commands.b.log)"
}

verify_many_machines_as_a_lab() {
  [[ $(cat /run/howto/commands.log) == *'6 of 6 checks passed'*' 1 received'*'remote 192.0.2.3'* ]] ||
    fail "$(cat /run/howto/commands.log)"
}

verify_what_a_thousand_machines_need() {
  "$source_dir/bench/evpn_scale" --check "$howto" || fail 'the appendix has other figures'
}

verify_two_or_three_machines_without_bgp() {
  verify_two_machines_joined_by_vxlan
}

verify_two_machines_joined_by_openvpn() {
  verify_two_machines_joined_by_vxlan
}

verify_a_network_card_as_uplink() {
  wait_for pings 192.0.2.9
  expect_reachable lan 10.0.0.1
  # The card's own stack keeps out: nobody answers twice.
  local -r replies=$(ip netns exec lan ping -c 3 -i 0.2 10.0.0.1)
  [[ $replies == *' 3 received'* && $replies != *DUP* ]] || fail "$replies"
}

verify_giving_the_card_back() {
  wait_for pings 192.0.2.9
  [[ ! -e /sys/class/net/host0 && -z $(tapctl port show) ]] || fail 'host0 or a port is left'
}

verify_taking_over_a_running_linux_bridge() {
  expect_reachable lan 10.0.0.1
  wait_for pings 10.0.0.3
  [[ $(bridge link) != *enp1s0* && -n $(tapctl port show enp1s0) ]] || fail "$(bridge link)"
}

verify_giving_the_linux_bridge_back() {
  expect_reachable lan 10.0.0.1
  [[ $(bridge link) == *enp1s0* && $(bridge link) == *vnet0* ]] || fail "$(bridge link)"
  [[ ! -e /sys/class/net/br0-tap && -z $(tapctl port show) ]] || fail 'br0-tap or a port is left'
}

# Nothing is carried out there.
verify_words_of_the_linux_bridge() { true; }

# As libvirt does when a domain starts.
becomes_a_port() {
  [[ $(tapctl port show vnet0 2>/dev/null) == *'attached by vnet'* ]]
}

# expect_valid_domain XML: a part of a libvirt domain, where that can be checked.
expect_valid_domain() {
  local -r domain=/run/howto/domain.xml
  type -P virt-xml-validate >/dev/null || skip 'no virt-xml-validate: apt-get install libvirt-clients'
  echo "<domain type='qemu'><name>vm1</name><memory>1048576</memory><os><type>hvm</type></os>$1</domain>" \
    >"$domain"
  virt-xml-validate "$domain" domain >/run/howto/validate.log 2>&1 ||
    fail "not valid: $(cat "$domain" /run/howto/validate.log)"
}

verify_libvirt() {
  local number=0
  ip tuntap add vnet0 mode tap
  ip link set vnet0 up
  wait_for becomes_a_port
  blocks libvirt xml | awk 'BEGIN { RS = "</interface>\n" } { printf "%s</interface>", $0 > ("/run/howto/" NR ".xml") }'
  for number in 1 2; do
    expect_valid_domain "<devices>$(cat "/run/howto/$number.xml")</devices>"
  done
}

# --------------------------------------------------------------------------------------------------

# run_all BUILD: skipped, in the end, if any was and none failed.
run_all() {
  local title status started result=0
  expect_known_blocks
  while read -r title; do
    declare -F "verify_$(name_of "$title")" >/dev/null || fail "nothing verifies '$title'"
    started=$SECONDS status=0
    unshare --mount --net --pid --fork --kill-child --mount-proc \
      bash "$0" --one "$1" "$title" || status=$?
    case $status in
      0) echo "ok: $title ($((SECONDS - started)) s)" ;;
      77) result=77 ;;
      *) exit 1 ;;
    esac
  done < <(titles)
  exit "$result"
}

if [[ ${1:-} == --one ]]; then
  run_one "$2" "$3"
elif (($# == 2)); then
  exec unshare --mount --net --pid --fork --kill-child --mount-proc bash "$0" --one "$1" "$2"
else
  ((EUID == 0)) || skip 'namespaces need root'
  [[ -c /dev/net/tun ]] || skip '/dev/net/tun is missing'
  require_programs openvpn:openvpn cmake:cmake
  # Not in there, where no server can be asked for a kernel.
  "$guest" prepare || exit
  run_all "$1"
fi
