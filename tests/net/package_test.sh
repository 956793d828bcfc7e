#!/usr/bin/env bash
# The Debian package of this build can be installed, works, and leaves nothing when it is purged.
#
#   package_test.sh BUILD-FOLDER
#
# It installs into the machine it runs on, as root, and cleans up whatever happens; where a package
# tapswitch is installed already it refuses to run.
set -euo pipefail

readonly build=$1
root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root_dir
folder=  # for the package

skip() {
  echo "skipped: $*"
  exit 77
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

left_out() {
  echo "  left out: $*"
}

# not-installed, config-files, installed, ...; nothing when dpkg has never heard of it.
package_status() {
  dpkg-query --show --showformat='${db:Status-Status}' tapswitch 2>/dev/null || true
}

# What a package could leave, wherever it may put it.
files() {
  find /etc /lib/systemd/system /usr/bin /usr/sbin /usr/lib /usr/libexec /usr/share -name '*tapswitch*' \
    -o -name '*tapctl*' 2>/dev/null | sort
}

clean_up() {
  if [[ ! $(package_status) =~ ^(not-installed)?$ ]]; then
    dpkg --purge --force-remove-reinstreq tapswitch >/dev/null 2>&1 || true
  fi
  rm -rf "$folder"
}

# Sets $package.
make_package() {
  local packages
  (cd "$build" && cpack -G DEB -B "$folder" >"$folder/log" 2>&1) ||
    fail "cpack: $(tail --lines=20 "$folder/log")"
  packages=("$folder"/tapswitch_*.deb)
  package=${packages[0]}
  [[ -f $package ]] || fail "cpack made no package: $(ls "$folder")"
}

names_its_dependencies() {
  local depends library
  depends=$(dpkg-deb --field "$package" Depends)
  for library in libc6 liburing2 libsystemd0 libstdc++6; do
    [[ " ${depends//,/ } " == *" $library "* ]] || fail "does not depend on $library: $depends"
  done
}

belongs_to_root_and_nobody_else_may_write() {
  local bad
  bad=$(dpkg-deb --contents "$package" |
    awk '$2 != "root/root" || (substr($1, 1, 1) != "l" && substr($1, 6, 4) ~ /w/)')
  [[ -z $bad ]] || fail "$bad"
}

can_be_installed() {
  dpkg --install "$package" >"$folder/log" 2>&1 || fail "dpkg --install: $(cat "$folder/log")"
}

has_its_files() {
  local file
  for file in /usr/sbin/tapswitchd /usr/bin/tapctl /usr/lib/systemd/system/tapswitchd@.service \
    /usr/share/man/man8/tapswitchd.8.gz /usr/share/man/man8/tapctl.8.gz \
    /usr/libexec/tapswitch-qemu-helper /usr/share/man/man8/tapswitch-qemu-helper.8.gz \
    /etc/tapswitch/bridge.conf.example \
    /usr/share/bash-completion/completions/tapctl /etc/tapswitch/br0.conf.example \
    /usr/share/zsh/vendor-completions/_tapctl /usr/share/fish/vendor_completions.d/tapctl.fish \
    /etc/tapswitch/br0.startup.example /usr/share/doc/tapswitch/copyright \
    /usr/share/doc/tapswitch/examples/netns.conf /usr/bin/tapswitch-lab \
    /usr/share/tapswitch/tapswitch_lab/{cli.py,graph/draw.py,tapswitch-lab.schema.json} \
    /usr/share/tapswitch/{guest,guest.d/init,guest.d/kernel.sh,guest.d/udhcpc-script} \
    /usr/share/doc/tapswitch/tools/doc/labs/b1.yaml \
    /usr/share/doc/tapswitch/README.md /usr/share/doc/tapswitch/tools/doc/HOWTO.md \
    /usr/share/doc/tapswitch/tools/doc/{CHANGELOG.md,overview.svg} \
    /usr/share/man/man7/tapswitch-{drops,metrics}.7.gz /usr/share/man/man1/tapswitch-lab.1.gz \
    /usr/share/man/man5/tapswitch.startup.5.gz; do
    [[ -f $file ]] || fail "$file is missing; there are $(dpkg --listfiles tapswitch)"
  done
}

programs_run() {
  local version
  version=$(dpkg-deb --field "$package" Version)
  [[ $(/usr/sbin/tapswitchd --version) == "tapswitchd $version" ]] ||
    fail "it is '$(/usr/sbin/tapswitchd --version)'"
  [[ $(tapctl -Version) == "tapctl $version" ]] || fail "it is '$(tapctl -Version)'"
  [[ $(/usr/libexec/tapswitch-qemu-helper --version) == "tapswitch-qemu-helper $version" ]] ||
    fail "it is '$(/usr/libexec/tapswitch-qemu-helper --version)'"
  tapswitch-lab check -f /usr/share/doc/tapswitch/tools/doc/labs/b1.yaml ||
    fail 'tapswitch-lab does not take its example'
  /usr/sbin/tapswitchd --check vnet0 || fail 'it does not take a port'
}

# A lab's virtual machine is described by what the package has. The kernel is that of other tests.
virtual_machines_can_be_made() {
  local options status=0
  if [[ ! -d $root_dir/build/vm-cache ]]; then
    left_out 'no test has fetched a kernel yet'
    return
  fi
  options=$(TAPSWITCH_VM_CACHE=$root_dir/build/vm-cache TAPSWITCH_GUESTS=$folder/guests \
    /usr/share/tapswitch/guest options vm1 10.0.0.1/24) || status=$?
  case $status in
    0) ;;
    77) left_out "$options" && return ;;
    *) fail "guest options: $options" ;;
  esac
  [[ $options == *"-readconfig $folder/guests/vm1/config"* ]] || fail "guest options: $options"
  grep --quiet 'append = ".*guest=vm1 address=10.0.0.1/24"' "$folder/guests/vm1/config" ||
    fail "$(cat "$folder/guests/vm1/config")"
}

unit_is_good() {
  local said
  if ! type -P systemd-analyze >/dev/null; then left_out 'systemd-analyze is missing' && return; fi
  # Of other units, such as the targets it names, it may say what it likes.
  said=$(systemd-analyze verify --man=no tapswitchd@br0.service 2>&1 | grep tapswitch || true)
  [[ -z $said ]] || fail "systemd-analyze verify: $said"
}

manual_is_found() {
  if ! type -P man >/dev/null; then left_out 'man is missing' && return; fi
  man --where tapswitchd tapctl tapswitch-drops tapswitch-metrics tapswitch.startup \
    tapswitch-lab >/dev/null || fail 'man does not find it'
}

# As bash does when somebody types `tapctl br` and a tab.
completion_works() {
  local reply
  reply=$(
    # shellcheck disable=SC1091
    source /usr/share/bash-completion/completions/tapctl
    COMP_WORDS=(tapctl br) COMP_CWORD=1 COMP_LINE='tapctl br' COMP_POINT=9
    "$(complete -p tapctl | sed 's/.*-F \([^ ]*\).*/\1/')" tapctl br tapctl
    echo "${COMPREPLY[*]}"
  )
  [[ $reply == bridge* ]] || fail "it completes 'br' to '$reply'"
}

removal_keeps_configuration_only() {
  local left
  dpkg --remove tapswitch >/dev/null
  [[ ! -e /usr/sbin/tapswitchd ]] || fail 'the program is still there'
  left=$(files | grep --invert-match '^/etc/tapswitch' || true)
  [[ $left == "$before" ]] || fail "left behind: $left"
  [[ -f /etc/tapswitch/br0.conf.example ]] || fail 'the configuration is gone'
}

purge_leaves_nothing() {
  dpkg --purge tapswitch >/dev/null
  [[ $(files) == "$before" ]] || fail "left behind: $(files)"
}

main() {
  local rule before package
  type -P dpkg dpkg-deb dpkg-shlibdeps cpack >/dev/null || skip 'dpkg or cpack is missing'
  ((EUID == 0)) || skip 'installing needs root'
  [[ $(package_status) =~ ^(not-installed)?$ ]] ||
    fail "a package tapswitch is $(package_status) here: dpkg --purge tapswitch first"
  before=$(files)
  folder=$(mktemp --directory)
  trap clean_up EXIT
  trap 'exit 1' INT TERM HUP
  make_package
  for rule in names_its_dependencies belongs_to_root_and_nobody_else_may_write can_be_installed \
    has_its_files programs_run virtual_machines_can_be_made unit_is_good manual_is_found \
    completion_works removal_keeps_configuration_only purge_leaves_nothing; do
    echo "$rule"
    "$rule"
  done
}

main
