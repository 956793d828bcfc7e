#!/usr/bin/env bash
# What the shells offer behind a tab:
#
#   completion_test.sh bash|zsh|fish FOLDER_WITH_COMPLETIONS TAPCTL
#
# $TAPSWITCHD is the daemon. Exit status 77 (skipped) without the shell. No switch is asked.
set -euo pipefail

readonly shell=$1 completions=$2 tapctl=$3

fail() {
  echo "completion_test: $shell: $*" >&2
  exit 1
}

# The completion of a command line by each shell, a candidate a line.
offers_of_bash() {
  bash -c '
    source "$1/tapctl"
    COMP_LINE=$2 COMP_POINT=${#2}
    function=_${2%% *}
    function=${function//-/_}
    "$function"
    printf "%s\n" "${COMPREPLY[@]}"' bash "$completions" "$1"
}

offers_of_fish() {
  fish --no-config --command "source $completions/tapctl.fish; complete --do-complete '$1'" |
    cut -f 1
}

# zsh has no such question: it types the line and a tab into a terminal of its own, in which
# compadd tells what it is offered, which may be by several calls.
offers_of_zsh() {
  zsh -f -c '
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PROMPT= RPROMPT=; unsetopt zle_bracketed_paste 2>/dev/null
      fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $3/dump
      compadd() { local -a given; builtin compadd -O given \"\$@\"; print -l -- \$given >>$3/offers
        builtin compadd \"\$@\" }
      touch $3/ready"
    repeat 100; do [[ ! -e $3/ready ]] || break; sleep 0.1; done
    zpty -w -n shell "$2"$'"'\t'"'
    repeat 100; do ! grep -qxF -- "$4" $3/offers 2>/dev/null || break; sleep 0.1; done
    zpty -d shell' zsh "$completions" "$1" "$scratch" "$2"
  cat "$scratch/offers" 2>/dev/null || true
  rm -f "$scratch/offers" "$scratch/ready"
}

# expect LINE CANDIDATE: the shell offers it.
expect() {
  local offers
  offers=$("offers_of_$shell" "$1" "$2")
  grep --quiet --line-regexp --fixed-strings -- "$2" <<<"$offers" ||
    fail "'$1' becomes '$offers', not '$2'"
}

main() {
  type -P "$shell" >/dev/null || exit 77
  scratch=$(mktemp --directory)
  trap 'rm -rf "$scratch"' EXIT
  mkdir "$scratch/bin"
  ln -s "$tapctl" "$scratch/bin/tapctl"
  ln -s "$TAPSWITCHD" "$scratch/bin/tapswitchd"
  ln -s "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../tools/lab" "$scratch/bin/tapswitch-lab"
  export PATH=$scratch/bin:$PATH TAPSWITCH_BRIDGE=/nowhere/at/all.sock
  # bash completes only what is behind the last = or :.
  local behind=auto port=lo
  [[ $shell == bash ]] || behind=--io=auto port=netdev:lo
  expect 'tapctl br' bridge
  expect 'tapctl port a' add
  expect 'tapctl link set dev x isolated o' off
  expect 'tapctl port add netdev:l' "$port"
  expect 'tapswitchd --vlan_f' --vlan_filtering=
  expect 'tapswitchd --io=a' "$behind"
  expect 'tapswitch-lab st' status
  expect 'tapswitch-lab link s' set
  touch "$scratch/lines.batch"
  if [[ $shell == fish ]]; then
    expect "tapctl batch $scratch/li" "$scratch/lines.batch"
    expect "tapswitchd --startup=$scratch/li" "--startup=$scratch/lines.batch"
  fi
}

main
