#!/usr/bin/env bash
# process_test.sh CASE TAPCTL: what a process gets from outside must not stop or end the switch. In
# each case it did, or it hung, or it did not say what to do.
set -u
: "${TAPSWITCHD:?the path of tapswitchd}"
case=$1
tapctl=$2
tmp=$(mktemp -d)
switch=
holder=
cleanup() {
  for pid in $switch $holder; do kill -CONT "$pid" 2>/dev/null; kill -KILL "$pid" 2>/dev/null; done
  rm -rf "$tmp"
}
trap cleanup EXIT

fail() { echo "FAIL: $*"; [ -e "$tmp/log" ] && cat "$tmp/log"; exit 1; }
# until_ SECONDS COMMAND...: it succeeds within that time.
until_() {
  local left=$(($1 * 10)); shift
  until "$@" >/dev/null 2>&1; do
    ((left-- > 0)) || return 1
    sleep 0.1
  done
}
ctl() { "$tapctl" -B "$tmp/ctl" "$@"; }
flags=(--name="t$$" --control_socket="$tmp/ctl")
gone() { ! kill -0 "$switch" 2>/dev/null; }
# Ends with status 0 on SIGTERM.
ends() {
  kill -TERM "$switch"
  until_ 15 gone || fail "SIGTERM does not end it"
  wait "$switch" || fail "it ended with status $?"
  switch=
}

# The log goes to a pipe that is open, and full, and not read.
stuck_log_of_a_switch() {
  mkfifo "$tmp/pipe"
  sleep 1000 <>"$tmp/pipe" & holder=$!
  "$TAPSWITCHD" "${flags[@]}" unix:u,path="$tmp/u" 2>"$tmp/pipe" & switch=$!
  until_ 20 ctl port show || fail "it does not start"
  # Each is a line of the log; the pipe takes 64 KiB, the queue 1024 lines. Signals that come faster
  # than they are taken are one. A shell waits by itself for what does not come; `sleep` would be a
  # process each time, which takes ten times as long as it sleeps.
  mkfifo "$tmp/quiet"
  exec {quiet}<>"$tmp/quiet"
  for _ in $(seq 2500); do kill -HUP "$switch"; read -rt 0.002 -u "$quiet"; done
  ctl port show | grep -q '^u' || fail "tapctl gets no answer"
  ends
}

# Descriptors 0 to 2 are closed: messages must not go to whatever gets these numbers.
closed_descriptors() {
  "$TAPSWITCHD" "${flags[@]}" unix:u,path="$tmp/u" <&- >&- 2>&- & switch=$!
  until_ 20 ctl port show || fail "it does not start"
  for fd in 0 1 2; do
    [ "$(readlink "/proc/$switch/fd/$fd")" = /dev/null ] || fail "descriptor $fd is something else"
  done
  kill -HUP "$switch"
  ctl port show <&- 2>&- | grep -q '^u' || fail "tapctl gets no answer"
  ends
}

signals_that_do_not_end_it() {
  # Blocked, ignored or left behind by whoever starts it: none of that stays.
  (trap '' TERM CHLD PIPE; umask 0; exec "$TAPSWITCHD" "${flags[@]}" unix:u,path="$tmp/u" 2>"$tmp/log") &
  switch=$!
  until_ 20 grep -q ready: "$tmp/log" || fail "it does not start"
  for signal in HUP USR1 USR2 PIPE TTOU XFSZ; do kill -"$signal" "$switch"; done
  until_ 10 grep -q 'SIGHUP is ignored' "$tmp/log" || fail "SIGHUP is not told of"
  until_ 10 grep -q 'SIGUSR1 is ignored' "$tmp/log" || fail "SIGUSR1 is not told of"
  [ "$(awk '/^Umask/{print $2}' "/proc/$switch/status")" = 0077 ] || fail "the umask is inherited"
  ctl port show | grep -q '^u' || fail "tapctl gets no answer"
  ends
}

# The soft limit is raised; where the hard one is too low, the message says what to raise.
descriptor_limit() {
  (ulimit -Sn 32; exec "$TAPSWITCHD" "${flags[@]}" unix:u,path="$tmp/u",clients=64 2>"$tmp/log") &
  switch=$!
  until_ 20 grep -q ready: "$tmp/log" || fail "it does not start with a low soft limit"
  limits=$(awk '/open files/{print $4, $5}' "/proc/$switch/limits")
  [ "${limits% *}" = "${limits#* }" ] || fail "the soft limit is not the hard one: $limits"
  ends
}

# There are fewer than it takes to start: the cure is named.
too_few_descriptors() {
  (ulimit -n 11; exec "$TAPSWITCHD" "${flags[@]}" unix:u,path="$tmp/u" unix:w,path="$tmp/w" \
    2>"$tmp/log") && fail "it runs with 11 files"
  grep -q 'ulimit -n (now 11)' "$tmp/log" || fail "the cure is not named"
}

# A switch that stands still: tapctl gives up, with status 2.
stopped_switch() {
  "$TAPSWITCHD" "${flags[@]}" 2>"$tmp/log" & switch=$!
  until_ 20 grep -q ready: "$tmp/log" || fail "it does not start"
  kill -STOP "$switch"
  for command in "port show" monitor "capture all"; do
    # shellcheck disable=SC2086
    timeout 25 "$tapctl" -B "$tmp/ctl" -timeout 1 $command >"$tmp/out" 2>&1
    status=$?
    [ $status = 2 ] || fail "tapctl $command ends with $status"
    grep -q 'has not answered for 1 s' "$tmp/out" || fail "it says: $(cat "$tmp/out")"
  done
  kill -CONT "$switch"
  ends
}

"$case"
