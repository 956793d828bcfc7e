#!/usr/bin/env bash
# The manual pages given as arguments, compressed as they are installed: man formats each without a
# warning, and no marker of the generator is left. The page of drop reasons has all of them.
set -euo pipefail

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# Warnings of man, without the page it makes, for a page on standard input.
# shellcheck disable=SC2069  # it is meant that way round
warnings() {
  LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings=w --encoding=UTF-8 --troff-device=utf8 --ditroff \
    --local-file - 2>&1 >/dev/null
}

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root_dir

# The names in switch/forwarding/stats.h, one a line.
drop_reasons() {
  sed --quiet '/kDropReasons{{/,/}};/s/.*{"\([a-z_]*\)".*/\1/p' \
    "$root_dir/switch/forwarding/stats.h"
}

# On standard input: the page that explains drop reasons. Each is the title of a paragraph.
check_drop_reasons() {
  local reason text
  text=$(cat)
  [[ -n $(drop_reasons) ]] || fail 'this check is broken: stats.h has no drop reasons'
  for reason in $(drop_reasons); do
    grep --quiet --line-regexp --fixed-strings ".B $reason" <<<"$text" ||
      fail "tapswitch-drops.7.in does not explain $reason"
  done
}

check_the_check() {
  [[ $(printf '.TH A 8\n.SH B\n.nosuchrequest\n' | warnings) == *nosuchrequest* ]] ||
    fail 'this check is broken: man says nothing of an unknown request'
}

main() {
  local page said
  type -P man >/dev/null || {
    echo 'skipped: man is missing: tools/install-packages test'
    exit 77
  }
  check_the_check
  (($# > 0)) || fail 'no page given'
  for page in "$@"; do
    said=$(zcat "$page" | warnings)
    [[ -z $said ]] || fail "$page: $said"
    ! zcat "$page" | grep --extended-regexp '@[A-Z_]+@' || fail "$page: a marker is left"
    if [[ $page == */tapswitch-drops.7.gz ]]; then zcat "$page" | check_drop_reasons; fi
  done
}

main "$@"
