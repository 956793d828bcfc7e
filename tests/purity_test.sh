#!/usr/bin/env bash
# What each folder may include:
#
#   switch/forwarding   itself; of the standard library what does no I/O and knows no clock,
#   switch/protocol     thread or lock (protocol: forwarding as well; forwarding/wire: only itself)
#   ports               switch/forwarding, and of ports: os nothing else (but the clock's ticks),
#                       ring os, netlink both; interface, link, socket and vhost_user all but each
#                       other (of the last, messages, features and queues only themselves); layer3
#                       interface, and its station only itself and the wire of
#                       switch/protocol/neighbours; files beside these all
#   switch/capture      ports/os, switch/forwarding
#   switch/workers      ports, switch/capture, and the two pure folders, but no single protocol
#   switch/control      itself, all of these; of it, commands and client nothing but texts and
#                       sockets, and adopt no more of ports than the kernel's interfaces
#   switch/handover     itself, and all of these
#   switch/keeper       itself, and all of these
#   switch/process      all of these
#   tools               itself; of the switch what clients need: control/adopt, commands, client and
#                       metrics, names of forwarding; of ports os, what users are told of
#                       types, and interface for the helper of QEMU
#   any other folder    nothing, until it has a line here
#
# That is tools -> switch/control -> switch/workers -> ports -> switch/forwarding, and never back.
# None of them includes tests or bench. Third-party headers are free outside the pure folders.
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
  local -r port='ports/(port(_spec|_handover)?|option_keys).h$|switch/forwarding/'
  local -r pace='ports/accept_pace.h$'
  local -r posted='ports/posted_details.h$' files='ports/file_options.h$'
  case $1 in
    switch/forwarding/wire/*) echo 'switch/forwarding/wire/' ;;
    switch/forwarding/*) echo 'switch/forwarding/' ;;
    switch/protocol/*) echo 'switch/protocol/|switch/forwarding/' ;;
    ports/os/files/*) echo 'ports/os/([^/]+$|files/)' ;;
    ports/os/unix/*) echo 'ports/os/' ;;
    ports/os/*) echo 'ports/os/[^/]+$|switch/forwarding/ids.h$' ;;
    ports/ring/*) echo 'ports/(os|ring)/|switch/forwarding/' ;;
    ports/netlink/*) echo 'ports/(os|ring|netlink)/|switch/forwarding/' ;;
    ports/interface/*) echo "ports/(os|ring|netlink|interface)/|$port" ;;
    ports/vhost_user/message.* | ports/vhost_user/memory_map.* | \
      ports/vhost_user/features.* | ports/vhost_user/virtqueue.*)
      echo 'ports/vhost_user/(message|memory_map|features|virtqueue).h$' ;;
    ports/layer3/station.* | ports/layer3/neighbour_*.* | ports/layer3/ip_prefix.*)
      printf '%s|' 'ports/layer3/(station|neighbour_(cache|packet)|ip_prefix).h$' \
        'switch/protocol/neighbours/neighbour_wire.h$'
      echo 'switch/forwarding/' ;;
    ports/layer3/*) echo "ports/(os|ring|netlink|interface|layer3)/|$posted|$port" ;;
    ports/link/*) echo "ports/(os|ring|link)/|$posted|$pace|$port" ;;
    ports/socket/*) echo "ports/(os|ring|socket)/|$files|$pace|$port" ;;
    ports/vhost_user/*) echo "ports/(os|ring|vhost_user)/|$files|$port" ;;
    ports/*) echo 'ports/|switch/forwarding/' ;;
    switch/capture/*) echo 'switch/(capture|forwarding)/|ports/os/' ;;
    switch/workers/*)
      echo 'switch/(workers|capture|forwarding)/|switch/protocol/[^/]+$|ports/' ;;
    switch/control/commands/*) echo 'switch/control/commands/|switch/forwarding/|ports/os/' ;;
    switch/control/adopt/*)
      printf '%s|' 'switch/control/(adopt|commands)/' 'switch/forwarding/'
      echo 'ports/(os|netlink|interface/exclusion)/' ;;
    switch/control/client/*) echo 'switch/control/client/|ports/os/' ;;
    switch/control/*) echo 'switch/(control|workers|capture|protocol|forwarding)/|ports/' ;;
    switch/handover/*)
      echo 'switch/(handover|control|workers|capture|protocol|forwarding)/|ports/' ;;
    switch/keeper/*)
      echo 'switch/(keeper|handover|control|workers|capture|protocol|forwarding)/|ports/' ;;
    switch/process/*) echo 'switch/|ports/' ;;
    tools/qemu-helper/*)
      echo 'tools/qemu-helper/|switch/control/client/|ports/(os|interface)/' ;;
    tools/*)
      printf '%s|' 'tools/' 'switch/control/(adopt|commands|client|metrics)/' 'switch/forwarding/'
      echo 'ports/(os/|port_type_texts.h$)' ;;
    *) echo '$^' ;;  # matches nothing
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
  mkdir -p "$tree"/switch/{forwarding/{offload,wire},protocol,capture,workers,process,newroom} \
    "$tree"/switch/{control/{adopt,client,commands,rpc},handover,keeper} \
    "$tree"/ports/{os,ring,netlink,interface,socket,link,layer3,vhost_user} \
    "$tree"/tools/{tapctl,qemu-helper}
  plant() {
    printf '#include %s\n' "${@:3}" >"$tree/$2"
    if [[ $1 == bad ]]; then printf "$2:%d: may not include %s\n" 1 "$3"; fi
  }
  expected=$(
    plant good switch/forwarding/a.h '<vector>' '"switch/forwarding/ids.h"' '<cstdint>  // bits'
    plant good switch/protocol/a.cc '"switch/forwarding/ids.h"' '"switch/protocol/a.h"'
    plant good ports/os/a.h '"ports/os/b.h"' '"switch/forwarding/ids.h"' '<unistd.h>'
    plant good ports/interface/a.h '"ports/netlink/b.h"' '"ports/port.h"'
    plant good switch/workers/a.cc '"ports/port.h"' '"switch/protocol/bridge_protocols.h"' \
      '"switch/workers/a.h"' '<liburing.h>'
    plant good switch/control/rpc/a.cc '"switch/workers/a.h"' '"absl/status/status.h"' '<thread>'
    plant good switch/forwarding/wire/a.h '"switch/forwarding/wire/b.h"' '<cstdint>'
    plant good ports/link/a.h '"ports/link/b.h"' '"ports/posted_details.h"'
    plant good ports/layer3/a.h '"ports/interface/tap/b.h"' '"ports/posted_details.h"'
    plant good ports/layer3/station.cc '"switch/protocol/neighbours/neighbour_wire.h"'
    plant good ports/vhost_user/a.cc '"ports/vhost_user/message.h"' '"ports/port.h"'
    plant good ports/vhost_user/message.h '"ports/vhost_user/features.h"'
    plant good switch/control/adopt/a.cc '"ports/netlink/b.h"' '"switch/control/commands/a.h"'
    plant good switch/control/commands/a.h '"switch/forwarding/ids.h"'
    plant good switch/handover/a.cc '"switch/control/rpc/a.h"'
    plant good switch/keeper/a.cc '"switch/handover/a.h"'
    plant good switch/process/a.cc '"switch/control/rpc/a.h"'
    plant good tools/tapctl/a.cc '"ports/port_type_texts.h"' '"ports/os/a.h"'
    plant good tools/qemu-helper/a.cc '"ports/interface/a.h"'
    plant bad switch/forwarding/b.h '<thread>'
    plant bad switch/forwarding/c.h '<sys/types.h>'
    plant bad switch/forwarding/d.h '"absl/status/status.h"'
    plant bad switch/forwarding/e.h '"ports/port.h"'
    plant bad switch/forwarding/f.h '"a.h"'
    plant bad switch/forwarding/g.h '"switch/forwarding/../workers/a.h"'
    plant bad switch/forwarding/h.h 'MACRO'
    plant bad switch/forwarding/i.h '"switch/protocol/a.h"'
    plant bad switch/forwarding/wire/b.h '"switch/forwarding/ids.h"'
    plant bad switch/forwarding/offload/b.cc '<chrono>'
    plant bad switch/protocol/b.cc '<iostream>'
    plant bad switch/protocol/c.cc '"switch/workers/a.h"'
    plant bad ports/b.cc '"switch/workers/a.h"'
    plant bad ports/c.cc '"switch/protocol/a.h"'
    plant bad ports/d.cc '"tests/support/fake_ring.h"'
    plant bad ports/os/b.cc '"ports/ring/a.h"'
    plant bad ports/os/c.cc '"ports/port.h"'
    plant bad ports/ring/b.cc '"ports/netlink/a.h"'
    plant bad ports/netlink/b.cc '"ports/interface/a.h"'
    plant bad ports/socket/b.cc '"ports/interface/a.h"'
    plant bad ports/interface/b.cc '"ports/socket/a.h"'
    plant bad ports/interface/c.cc '"ports/port_types.h"'
    plant bad ports/link/b.cc '"ports/socket/a.h"'
    plant bad ports/link/c.cc '"ports/netlink/a.h"'
    plant bad ports/layer3/b.cc '"ports/socket/a.h"'
    plant bad ports/layer3/c.cc '"switch/protocol/neighbours/neighbour_wire.h"'
    plant bad ports/layer3/neighbour_cache.cc '"ports/os/clock.h"'
    plant bad ports/layer3/station.h '"ports/layer3/tun_port.h"'
    plant bad ports/layer3/ip_prefix.h '"switch/protocol/a.h"'
    plant bad ports/vhost_user/b.cc '"ports/socket/a.h"'
    plant bad ports/vhost_user/c.cc '"ports/interface/a.h"'
    plant bad ports/vhost_user/features.h '"ports/os/file_descriptor.h"'
    plant bad ports/vhost_user/memory_map.h '"ports/vhost_user/session.h"'
    plant bad ports/vhost_user/message.cc '"ports/port_handover.h"'
    plant bad ports/vhost_user/virtqueue.cc '"switch/forwarding/ids.h"'
    plant bad switch/capture/b.cc '"switch/workers/a.h"'
    plant bad switch/workers/b.cc '"switch/control/rpc/a.h"'
    plant bad switch/workers/d.cc '"switch/protocol/stp/tree.h"'
    plant bad switch/workers/c.cc '"switch/process/a.h"'
    plant bad switch/control/b.cc '"tools/tapctl/a.h"'
    plant bad switch/control/c.cc '"switch/process/a.h"'
    plant bad switch/control/client/b.cc '"switch/control/rpc/a.h"'
    plant bad switch/control/adopt/b.cc '"ports/interface/a.h"'
    plant bad switch/control/adopt/c.cc '"switch/control/rpc/a.h"'
    plant bad switch/control/commands/b.cc '"switch/control/client/a.h"'
    plant bad switch/control/commands/c.cc '"ports/netlink/a.h"'
    plant bad switch/control/d.cc '"switch/handover/a.h"'
    plant bad switch/handover/b.cc '"switch/keeper/a.h"'
    plant bad switch/handover/c.cc '"switch/process/a.h"'
    plant bad switch/keeper/b.cc '"switch/process/a.h"'
    plant bad switch/keeper/c.cc '"tools/tapctl/a.h"'
    plant bad switch/newroom/b.cc '"tools/tapctl/a.h"'
    plant bad switch/newroom/c.cc '"switch/newroom/b.h"'
    plant bad tools/tapctl/b.cc '"bench/x.h"'
    plant bad tools/tapctl/c.cc '"switch/workers/a.h"'
    plant bad tools/tapctl/d.cc '"ports/port_types.h"'
    plant bad tools/qemu-helper/b.cc '"ports/ring/a.h"'
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
