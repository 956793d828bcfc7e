#!/usr/bin/env bash
# The manual pages given as arguments, compressed as they are installed: man formats each without a
# warning, and no marker of the generator is left.
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
  done
}

main "$@"
