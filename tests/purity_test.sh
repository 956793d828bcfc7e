#!/usr/bin/env bash
# What each folder may include:
#
#   switch/forwarding   itself; of the standard library what does no I/O and knows no clock,
#   switch/protocol     thread or lock (protocol: forwarding as well)
#   ports               itself, switch/forwarding
#   switch              itself, ports and the two pure folders; tapswitchd and daemon, which wire it all,
#                       switch/control too
#   switch/control      all of these
#   tools               all of these
#
# That is tools -> switch/control -> switch -> ports -> switch/forwarding, and never back. None of
# them includes tests or bench. Third-party headers are free outside the pure folders.
#
# Usage: purity_test.sh [FOLDER]   the tree to check, by default the one this file is in
set -euo pipefail

# Every other header does I/O, reads a clock, starts or synchronises threads, or is no C++20
# standard header. <random> is missed on purpose: seeds and salts are arguments.
readonly pure_headers='
  algorithm any array atomic bit bitset cassert cctype cerrno charconv cinttypes climits cmath
  compare complex concepts coroutine cstdarg cstddef cstdint cstdlib cstring deque exception
  expected forward_list functional initializer_list iterator limits list map memory
  memory_resource new numbers numeric optional queue ranges ratio set source_location span stack
  stdexcept string string_view system_error tuple type_traits typeindex typeinfo unordered_map
  unordered_set utility variant vector version
'

# Not standard, but without effect: marks free memory for AddressSanitizer.
readonly sanitizer_header='<sanitizer/asan_interface.h>'

# The folders of this tree that FILE may include from, each with its trailing slash.
allowed_folders() {
  case $1 in
    switch/forwarding/*) echo 'switch/forwarding/' ;;
    switch/protocol/*) echo 'switch/protocol/|switch/forwarding/' ;;
    ports/*) echo 'ports/|switch/forwarding/' ;;
    switch/control/* | switch/tapswitchd.cc | switch/daemon.*) echo 'switch/|ports/' ;;
    switch/*) echo 'switch/forwarding/|switch/protocol/|switch/[^/]*$|ports/' ;;
    tools/*) echo 'tools/|switch/|ports/' ;;
  esac
}

is_pure() {
  [[ $1 == switch/forwarding/* || $1 == switch/protocol/* ]]
}

# Succeeds when FILE may have the line `#include INCLUDE`.
may_include() {
  local file=$1 include=$2 path=${2:1:-1}
  if [[ $include == '"'* && $path =~ ^(switch|ports|tools|tests|bench)/ ]]; then
    [[ $path =~ ^($(allowed_folders "$file")) && $path != *..* ]]
  elif [[ $include == '"'* && -e ${file%/*}/$path ]]; then
    return 1  # paths start at the root of the tree, or this check could not place them
  elif is_pure "$file"; then
    [[ $include == "$sanitizer_header" ]] ||
      [[ $include == '<'* && " ${pure_headers//$'\n'/ } " == *" $path "* ]]
  fi
}

# Prints each include of the tree in the current folder that is not allowed.
violations() {
  local file line include
  while IFS=: read -r file line include; do
    [[ $include =~ include[[:space:]]*([^[:space:]]+) ]] && include=${BASH_REMATCH[1]}
    may_include "$file" "$include" || echo "$file:$line: may not include $include"
  done < <(grep --recursive --line-number --extended-regexp '^[[:space:]]*#[[:space:]]*include' \
    --include='*.h' --include='*.cc' switch ports tools)
}

# A check that cannot fail says nothing: plants bad includes in a tree of its own, among good ones.
check_the_check() {
  local tree expected found
  tree=$(mktemp --directory)
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf '$tree'" EXIT
  mkdir -p "$tree"/{switch/{forwarding/offload,protocol,control},ports,tools}
  plant() {
    printf '#include %s\n' "${@:3}" >"$tree/$2"
    if [[ $1 == bad ]]; then printf "$2:%d: may not include %s\n" 1 "$3"; fi
  }
  expected=$(
    plant good switch/forwarding/a.h '<vector>' '"switch/forwarding/ids.h"' '<cstdint>  // bits'
    plant good switch/protocol/a.cc '"switch/forwarding/ids.h"' '"switch/protocol/a.h"'
    plant good switch/worker.cc '"ports/port.h"' '"switch/worker.h"' '<liburing.h>'
    plant good switch/control/a.cc '"switch/worker.h"' '"absl/status/status.h"' '<thread>'
    plant good tools/tapctl.cc '"switch/control/a.h"'
    plant bad switch/forwarding/b.h '<thread>'
    plant bad switch/forwarding/c.h '<sys/types.h>'
    plant bad switch/forwarding/d.h '"absl/status/status.h"'
    plant bad switch/forwarding/e.h '"ports/port.h"'
    plant bad switch/forwarding/f.h '"a.h"'
    plant bad switch/forwarding/g.h '"switch/forwarding/../worker.h"'
    plant bad switch/forwarding/h.h 'MACRO'
    plant bad switch/forwarding/i.h '"switch/protocol/a.h"'
    plant bad switch/forwarding/offload/b.cc '<chrono>'
    plant bad switch/protocol/b.cc '<iostream>'
    plant bad switch/protocol/c.cc '"switch/worker.h"'
    plant bad ports/b.cc '"switch/worker.h"'
    plant bad ports/c.cc '"switch/protocol/a.h"'
    plant bad ports/d.cc '"tests/support/fake_ring.h"'
    plant bad switch/b.cc '"switch/control/a.h"'
    plant bad switch/control/b.cc '"tools/tapctl.h"'
    plant bad tools/b.cc '"bench/x.h"'
  )
  found=$(cd "$tree" && violations)
  diff <(sort <<<"$expected") <(sort <<<"$found") || {
    echo "this check is broken: < should have been found, > should not" >&2
    exit 1
  }
}

main() {
  local found
  check_the_check
  cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"
  found=$(violations)
  [[ -z $found ]] || {
    echo "$found"
    exit 1
  }
}

main "$@"
