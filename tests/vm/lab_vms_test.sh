#!/bin/bash
# tools/lab with virtual machines beside its namespaces. Needs root; $TAPSWITCHD is the switch.

set -Eeuo pipefail
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# shellcheck source=tests/vm/stations.sh
source "$(dirname "${BASH_SOURCE[0]}")/stations.sh"

readonly lab=$source_dir/tools/lab

before_failure() {
  "$lab" status
  tail -n 10 /run/tapswitch/lab/*log /run/tapswitch/lab/guests/*/console.log
}

pings() {
  "$lab" exec "$1" ping -q -c 1 "$2" >/dev/null || fail "$1 gets no reply from $2"
}

all_reach_each_other() {
  local address
  for address in 10.83.0.1 fd83::1 10.83.0.102 fd83::102; do
    pings h2 "$address"
    pings vm1 "$address"
  done
}

exec_passes_words_output_and_exit_status_through() {
  local output status=0
  output=$("$lab" exec vm2 sh -c 'hostname; echo "$1"; exit 42' - 'a  word') || status=$?
  [[ $output == $'vm2\na  word' && $status == 42 ]] || fail "exec: '$output', exit status $status"
}

console_has_a_shell() {
  local output
  # shellcheck disable=SC2016  # expanded in the guest
  output=$({ echo 'echo "it is $(hostname)"'; sleep 2; } | timeout 10 "$lab" console vm2 2>&1 || true)
  [[ $output == *'it is vm2'* ]] || fail "console: $output"
}

console_of_another_node_is_a_shell() {
  local output
  # shellcheck disable=SC2016  # expanded in the node
  output=$(echo 'echo "it is $NODE"' | SHELL=/bin/sh "$lab" console h1 2>/dev/null)
  [[ $output == 'it is h1' ]] || fail "console: $output"
}

# has_carrier NODE INTERFACE 0|1: what the node itself sees.
has_carrier() {
  [[ $("$lab" exec "$1" cat "/sys/class/net/$2/carrier") == "$3" ]]
}

# saw_carriers_go NODE COUNT: how often eth0 lost its carrier since it was there.
saw_carriers_go() {
  (($("$lab" exec "$1" cat /sys/class/net/eth0/carrier_down_count) >= $2))
}

# a_guest_sees_its_link_go_and_come LINK
a_guest_sees_its_link_go_and_come() {
  local before
  wait_for has_carrier vm1 eth0 1
  "$lab" link set "$1" down
  wait_for has_carrier vm1 eth0 0
  has_carrier vm2 eth0 1 || fail 'another guest lost its carrier'
  [[ $("$lab" link show) =~ vm1:eth0\ [^$'\n']*\ down ]] || fail "$("$lab" link show)"
  [[ $("$lab" status) =~ vm1\ +no\ link ]] || fail "$("$lab" status)"
  "$lab" link set "$1" up
  wait_for has_carrier vm1 eth0 1
  [[ $("$lab" link show) =~ vm1:eth0\ [^$'\n']*\ up ]] || fail "$("$lab" link show)"
  before=$("$lab" exec vm1 cat /sys/class/net/eth0/carrier_down_count)
  "$lab" link set "$1" flap period 2s count 2
  wait_for saw_carriers_go vm1 $((before + 2))
  wait_for has_carrier vm1 eth0 1
}

a_guest_of_up_n_sees_its_link_go_and_come() {
  a_guest_sees_its_link_go_and_come vm1:lab
  pings vm1 10.83.0.1
}

only_root_may_speak_to_qemu() {
  local open
  open=$(find /run/tapswitch/lab/qemu -type s -perm /077)
  [[ -z $open && -S /run/tapswitch/lab/qemu/vm1.qmp ]] ||
    fail "others may connect to: $open; $(ls -l /run/tapswitch/lab/qemu)"
}

status_shows_virtual_machines() {
  local output
  output=$("$lab" status)
  grep --quiet --extended-regexp \
    '^vm1 +up +52:54:00:83:00:01 +10\.83\.0\.101/24 fd83::101/64 +[1-9][0-9]* +[1-9][0-9]*$' \
    <<<"$output" || fail "vm1 is not in: $output"
}

misses_vm1() {
  grep --quiet '^vm1 *no QEMU' <<<"$("$lab" status)"
}

status_and_exec_say_that_a_virtual_machine_ended() {
  local error
  kill -KILL "$(cut --delimiter=' ' --fields=1 /run/tapswitch/lab/vm1)"
  wait_for misses_vm1
  if error=$("$lab" exec vm1 true 2>&1); then fail 'exec in a machine that ended'; fi
  [[ $error == *'has ended'* ]] || fail "exec: $error"
  pings vm2 10.83.0.1
}

down_leaves_nothing() {
  "$lab" down
  [[ -z $(find /run -mindepth 1 ! -path /run/netns ! -path /run/mount \
      ! -path /run/tapswitch ! -path /run/tapswitch/locks) ]] || fail "left: $(find /run)"
  [[ -z $(find /proc/[0-9]*/exe -maxdepth 0 -lname '*qemu*' 2>/dev/null) ]] || fail 'QEMU runs on'
}

a_file_has_virtual_machines_too() {
  "$lab" up -f "$source_dir/tools/doc/labs/vms.yaml" >/dev/null
  "$lab" test || fail 'a check of vms.yaml fails'
  a_guest_sees_its_link_go_and_come vm1:sw
  "$lab" test || fail 'a check of vms.yaml fails when a link was down and up'
  [[ -z $("$lab" diff -f "$source_dir/tools/doc/labs/vms.yaml") ]] ||
    fail "it differs: $("$lab" diff -f "$source_dir/tools/doc/labs/vms.yaml")"
  "$lab" link set vm1:sw down
  "$lab" save >/run/saved.yaml
  ! grep qmp /run/saved.yaml || fail 'what belongs to this run of the lab is saved'
  [[ -z $("$lab" diff -f /run/saved.yaml) ]] || fail "it differs: $("$lab" diff -f /run/saved.yaml)"
  rm /run/saved.yaml
  down_leaves_nothing
}

# A guest as a user might describe one: nobody in it takes commands of the lab, and it has no console
# but the one that the lab adds.
write_a_lab_with_machines_of_the_user() {
  local options
  options=$("$guest" options own)
  sed --in-place '/^\[device "console"\]/,/chardev = /d' /run/guests/own/config
  cat >/run/own.yaml <<END
name: own
nodes:
  vm1: {kind: vm}
  vm2: {kind: vm, qemu: $options}
  vm3: {kind: vm, qemu: -nodefaults -no-user-config -display none -serial none}
  sw: {kind: switch, flags: ["--user=nobody"]}
links:
  - {endpoints: [vm1, vm2], state: down}
  - {endpoints: [vm1, sw], state: down}
  - {endpoints: [vm3, sw]}
END
}

# With a switch without root's rights between others.
guests_see_a_link_without_a_switch() {
  "$lab" up -f /run/own.yaml >/dev/null
  wait_for has_carrier vm1 eth0 0
  wait_for has_carrier vm1 eth1 0
  "$lab" link set vm1:vm2 up
  wait_for has_carrier vm1 eth0 1
  has_carrier vm1 eth1 0 || fail 'the other link came up'
  "$lab" link set vm1:sw up
  wait_for has_carrier vm1 eth1 1
  "$lab" link set vm1:vm2 down
  wait_for has_carrier vm1 eth0 0
}

# says_its_name NODE NAME: over its serial console.
says_its_name() {
  # shellcheck disable=SC2016  # expanded in the guest
  [[ $({ echo 'echo "it is $(hostname)"'; sleep 2; } | timeout 10 "$lab" console "$1" 2>&1) == \
    *"it is $2"* ]]
}

machines_of_the_user_have_a_console() {
  local output
  write_a_lab_with_machines_of_the_user
  guests_see_a_link_without_a_switch
  wait_for says_its_name vm2 own
  if output=$("$lab" console vm3 2>&1); then fail 'a console that is not there'; fi
  [[ $output == *'-serial of its own'* ]] || fail "console: $output"
  rm -r /run/own.yaml /run/guests
  down_leaves_nothing
}

enter_namespaces "$@"
"$lab" up 2 --vms 2 >/dev/null
check all_reach_each_other exec_passes_words_output_and_exit_status_through console_has_a_shell \
  console_of_another_node_is_a_shell status_shows_virtual_machines \
  a_guest_of_up_n_sees_its_link_go_and_come only_root_may_speak_to_qemu \
  status_and_exec_say_that_a_virtual_machine_ended down_leaves_nothing \
  a_file_has_virtual_machines_too machines_of_the_user_have_a_console
