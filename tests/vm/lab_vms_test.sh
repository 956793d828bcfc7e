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
  down_leaves_nothing
}

enter_namespaces "$@"
"$lab" up 2 --vms 2 >/dev/null
check all_reach_each_other exec_passes_words_output_and_exit_status_through console_has_a_shell \
  status_shows_virtual_machines status_and_exec_say_that_a_virtual_machine_ended down_leaves_nothing \
  a_file_has_virtual_machines_too
