#!/bin/bash
# The unit under a real systemd: it starts with all its protections, forwards, comes back after a
# crash, writes a journal with priorities, and stops cleanly.
#
#   run-in-guest systemd_test.sh BUILD-FOLDER
#
# Runs in a guest of its own, where nothing has to be cleaned up. It installs the build there and
# starts systemd as the first process of a process namespace; the checks are a unit of that.

set -euo pipefail

readonly build=$1 phase=${2:-}
readonly service=tapswitchd@br0.service
readonly drop_ins=/etc/systemd/system/tapswitchd@br0.service.d

fail() {
  echo "FAILED: $*"
  systemctl status --no-pager --lines=30 "$service" || true
  exit 1
}

wait_for() {
  local deadline=$((SECONDS + 120))
  until "$@"; do
    ((SECONDS < deadline)) || fail "not within 120 s: $*"
    sleep 0.1
  done
}

property() {
  systemctl show --property="$1" --value "$service"
}

# ports PORT...: they become those of the service.
ports() {
  printf 'port add %s\n' "$@" >/etc/tapswitch/br0.startup
}

# host_gets INTERFACE NUMBER
host_gets() {
  ip -n "h$2" address add "10.0.0.$2/24" dev "$1"
  ip -n "h$2" link set "$1" up
}

hosts_get_interfaces_and_reach_each_other() {
  local host
  for host in 1 2; do
    ip link set "vnet$host" netns "h$host" 2>/dev/null || true  # it may be there already
    host_gets "vnet$host" "$host"
  done
  ip netns exec h1 ping -q -c 1 -w 60 10.0.0.2 >/dev/null || fail 'no reply from h2 to h1'
}

# ----- what holds ---------------------------------------------------------------------------------

starts_and_forwards() {
  ports vnet1 vnet2
  systemctl start "$service" || fail 'it does not start'
  [[ $(property ActiveState) == active ]] || fail 'it is not active'
  hosts_get_interfaces_and_reach_each_other
}

obeys_tapctl() {
  tapctl link set dev vnet1 isolated on
  [[ $(tapctl save) == *'port add vnet1 isolated on'* ]] || fail "it saves $(tapctl save)"
  tapctl link set dev vnet1 isolated off
}

is_isolated() {
  [[ $(tapctl -d link show dev vnet2) == *'isolated on'* ]]
}

# The file of the program that runs.
program() {
  stat --dereference --format %i "/proc/$(property MainPID)/exe"
}

# A package replaces the file of a program by another.
install_anew() {
  cp /usr/sbin/tapswitchd /usr/sbin/tapswitchd.new
  mv /usr/sbin/tapswitchd.new /usr/sbin/tapswitchd
}

reload_applies_the_startup_file() {
  printf 'port add vnet1\nport add vnet2 isolated on\n' >/etc/tapswitch/br0.startup
  systemctl reload "$service" || fail 'it is not reloaded'
  is_isolated || fail 'it does not apply the startup file'
  echo 'port add' >>/etc/tapswitch/br0.startup
  systemctl reload "$service" && fail 'it takes a startup file that is wrong'
  [[ $(journalctl --unit="$service" --output=cat) == *'br0.startup:3'* ]] || fail 'it does not say why'
  is_isolated || fail 'a wrong startup file changes something'
  ports vnet1 vnet2
  systemctl reload "$service"
}

reload_runs_the_program_that_is_installed_and_loses_no_frame() {
  local pid pings
  pid=$(property MainPID)
  install_anew
  ip netns exec h1 ping -q -i 0.01 -c 500 10.0.0.2 >/run/pings &
  pings=$!
  sleep 1
  systemctl reload-or-restart "$service" || fail 'it is not reloaded'
  [[ $(property MainPID) != "$pid" && $(property NRestarts) == 0 ]] || fail 'nobody took over'
  [[ $(program) == "$(stat --format %i /usr/sbin/tapswitchd)" ]] || fail 'it runs what it ran before'
  wait "$pings" || fail 'no ping was answered'
  grep --quiet ' 0% packet loss' /run/pings || fail "pings were lost: $(cat /run/pings)"
}

reload_of_a_broken_program_leaves_the_switch_as_it_is() {
  local pid
  pid=$(property MainPID)
  cp /usr/sbin/tapswitchd /usr/sbin/tapswitchd.good
  printf '#!/bin/sh\nexit 1\n' >/usr/sbin/tapswitchd.new
  chmod +x /usr/sbin/tapswitchd.new
  mv /usr/sbin/tapswitchd.new /usr/sbin/tapswitchd
  systemctl reload-or-restart "$service" && fail 'a program that ends at once has taken over'
  mv /usr/sbin/tapswitchd.good /usr/sbin/tapswitchd
  [[ $(property MainPID) == "$pid" && $(property ActiveState) == active ]] || fail 'it has ended'
  ip netns exec h1 ping -q -c 1 -w 60 10.0.0.2 >/dev/null || fail 'no reply'
}

is_protected() {
  local status
  status=/proc/$(property MainPID)/status
  # CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF.
  grep --quiet $'^CapBnd:\t0000008000003800$' "$status" || fail "$(grep Cap "$status")"
  grep --quiet $'^Seccomp:\t2$' "$status" || fail 'there is no filter of system calls'
  grep --quiet $'^NoNewPrivs:\t1$' "$status" || fail 'it may gain privileges'
}

uses_io_uring_within_its_filter() {
  [[ $(journalctl --unit="$service" --output=cat) == *'carried by io_uring'* ]] ||
    fail 'it does not use io_uring'
}

lets_the_kernel_carry_with_its_capabilities() {
  [[ $(journalctl --unit="$service" --output=cat) != *'not carried by the kernel'* ]] ||
    fail 'its programs are refused'
}

has_restarted() {
  [[ $(property NRestarts) == "$1" && $(property ActiveState) == active ]]
}

# The interfaces are in their namespaces, with their addresses, and pings go on.
comes_back_with_all_it_had_after_a_crash() {
  local crash pings lost station
  station=$(ip -n h1 -j link show dev vnet1 | jq --raw-output '.[0].address')
  for crash in 1 2 3; do
    wait_for grep --quiet "$station" <(tapctl fdb show)
    sleep 1.5  # what was learned is kept within a second
    ip netns exec h1 ping -q -i 0.01 -c 1000 10.0.0.2 >/run/pings &
    pings=$!
    sleep 1
    systemctl kill --signal=KILL "$service"
    wait_for has_restarted "$crash"
    tapctl fdb show | grep --quiet "$station" || fail 'it has forgotten an address'
    wait "$pings" || fail 'no ping was answered'
    lost=$((1000 - $(sed --quiet 's/.* \([0-9]*\) received.*/\1/p' /run/pings)))
    echo "  no frame for about $((lost * 10)) ms"
    ((lost <= 500)) || fail "$lost of 1000 pings were lost"
    [[ $(tapctl show) == *'was killed'* ]] || fail "it does not say so: $(tapctl show)"
  done
}

keeps_nothing_after_a_clean_stop() {
  systemctl restart "$service" || fail 'it does not restart'
  [[ $(tapctl show) != *'was killed'* ]] || fail 'it was not stopped cleanly'
  ip -n h1 link show dev vnet1 2>/dev/null && fail 'vnet1 has outlived the switch'
  hosts_get_interfaces_and_reach_each_other
}

upgrades_and_comes_back_after_a_crash() {
  local restarts
  restarts=$(property NRestarts)
  tapctl upgrade
  wait_for test "$(property MainPID)" != 0
  sleep 1.5
  systemctl kill --signal=KILL "$service"
  wait_for has_restarted $((restarts + 1))
  ip netns exec h1 ping -q -c 1 -w 60 10.0.0.2 >/dev/null || fail 'no reply after an upgrade'
}

stops_cleanly() {
  systemctl stop "$service"
  [[ $(property Result) == success && $(property ExecMainStatus) == 0 ]] ||
    fail "result $(property Result), status $(property ExecMainStatus)"
  [[ -d /run/tapswitch ]] || fail 'the folder of the control sockets is gone'
}

journal_has_priorities_and_one_time() {
  local entry
  entry=$(journalctl --unit="$service" --output=json --grep='ready: bridge' --lines=1)
  [[ $(jq --raw-output .PRIORITY <<<"$entry") == 6 ]] || fail "priority: $entry"
  [[ $(jq --raw-output .MESSAGE <<<"$entry") == '[br0] ready: bridge'* ]] || fail "text: $entry"
}

enters_namespaces_with_the_drop_in() {
  mkdir -p "$drop_ins"
  cp /usr/share/doc/tapswitch/examples/netns.conf "$drop_ins"
  systemctl daemon-reload
  ports vnet1,netns=h1 vnet2,netns=h2
  systemctl start "$service" || fail 'it does not start'
  hosts_get_interfaces_and_reach_each_other
  systemctl stop "$service"
}

# -------------------------------------------------------------------------------------------------

check() {
  local rule
  ip netns add h1
  ip netns add h2
  for rule in starts_and_forwards obeys_tapctl reload_applies_the_startup_file \
    reload_runs_the_program_that_is_installed_and_loses_no_frame \
    reload_of_a_broken_program_leaves_the_switch_as_it_is is_protected \
    uses_io_uring_within_its_filter lets_the_kernel_carry_with_its_capabilities \
    comes_back_with_all_it_had_after_a_crash keeps_nothing_after_a_clean_stop \
    upgrades_and_comes_back_after_a_crash stops_cleanly journal_has_priorities_and_one_time \
    enters_namespaces_with_the_drop_in; do
    echo "$rule"
    "$rule"
  done
  touch /run/passed
}

start_systemd() {
  cmake --install "$build" --prefix /usr >/dev/null
  cp /etc/tapswitch/br0.conf.example /etc/tapswitch/br0.conf
  # Where systemd mounts nothing over it: the source tree may be below /tmp.
  install "${BASH_SOURCE[0]}" /usr/lib/tapswitch-check
  : >/etc/fstab
  printf '%s\n' '[Unit]' 'SuccessAction=exit-force' 'FailureAction=exit-force' '[Service]' \
    Type=oneshot "ExecStart=/usr/lib/tapswitch-check $build --inside" \
    'StandardOutput=append:/run/check.log' 'StandardError=append:/run/check.log' \
    >/etc/systemd/system/check.service
  mountpoint --quiet /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
  echo 0123456789abcdef0123456789abcdef >/etc/machine-id
  # As in a container: systemd leaves devices and the clock alone.
  container=tapswitch unshare --pid --mount --fork --kill-child --mount-proc \
    /lib/systemd/systemd --system --unit=check.service || true
  cat /run/check.log
  [[ -e /run/passed ]]
}

if [[ $phase == --inside ]]; then
  check
else
  start_systemd
fi
