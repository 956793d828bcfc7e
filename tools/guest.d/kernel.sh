# shellcheck shell=bash
# Kernels for guests of QEMU: Debian packages, fetched with apt-get download, unpacked and never
# installed. To be sourced.
#
# They are kept in $TAPSWITCH_VM_CACHE: by default build/vm-cache below the source tree, or of the
# installed package /var/cache/tapswitch for root and ~/.cache/tapswitch for others. What is there
# is used again without asking apt; remove the folder to get a newer kernel.

PATH=$PATH:/usr/sbin:/sbin # depmod, modprobe
_guest_d=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly _guest_d

_default_cache() {
  if [[ -e $_guest_d/../../CMakeLists.txt ]]; then
    echo "$_guest_d/../../build/vm-cache"
  elif ((EUID == 0)); then
    echo /var/cache/tapswitch
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/tapswitch"
  fi
}

guest_cache=${TAPSWITCH_VM_CACHE:-$(_default_cache)}
readonly guest_cache

# The kernel is told this on an emulated processor. The text says what would happen without it:
#   no_timer_check   it gives its timer a number of its own loops to tick in, which an emulator
#                    short of processor time misses, and panics
#   tsc=reliable     it reads the time from a device, which leaves the emulated code each time
#   norandmaps       code at another address is translated anew, hence that of each process
#   mitigations=off  the emulator cannot foresee where calls and returns lead
# The last three have /bin/true end after 20 to 40 ms instead of 80 to 100.
# shellcheck disable=SC2034  # read by those that source this
readonly emulated_kernel="no_timer_check tsc=reliable norandmaps mitigations=off"

# Ends the script as tests do that cannot run here.
skip() {
  echo "SKIP: $*"
  exit 77
}

# require_programs PROGRAM:PACKAGE...
require_programs() {
  local program
  for program in "$@"; do
    command -v "${program%:*}" >/dev/null ||
      skip "no ${program%:*} here: apt-get install ${program#*:}"
  done
}

# require_guest_programs [PROGRAM:PACKAGE]...
require_guest_programs() {
  require_programs qemu-system-x86_64:qemu-system-x86 busybox:busybox-static modprobe:kmod \
    apt-get:apt dpkg-deb:dpkg "$@"
}

# A meta package such as linux-image-amd64 names the image of the day; an image names itself.
_image_package() {
  local depended
  depended=$(apt-cache depends --important "$1" 2>/dev/null |
    sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
  echo "${depended:-$1}"
}

# Makes $2 hold vmlinuz, release and lib/modules of the package $1.
_unpack_kernel() {
  local -r package=$1 into=$2
  local image release
  image=$(_image_package "$package")
  if ! (cd "$into" && apt-get -o APT::Sandbox::User="$(id -un)" download "$image") \
    >"$into/apt.log" 2>&1; then
    tail -n 3 "$into/apt.log"
    skip "the kernel package $image cannot be had: run apt-get update, and see above"
  fi
  mkdir "$into/unpacked"
  dpkg-deb --extract "$into"/linux-image-*.deb "$into/unpacked"
  release=$(basename "$into"/unpacked/lib/modules/*)
  echo "$release" >"$into/release"
  mv "$into/unpacked/boot/vmlinuz-$release" "$into/vmlinuz"
  mv "$into/unpacked/lib" "$into/lib"
  rm -rf "$into/unpacked" "$into"/*.deb
  # Most of the package is drivers of hardware that the guest has not.
  find "$into/lib/modules/$release/kernel/drivers" -mindepth 1 -maxdepth 1 \
    ! -name net ! -name vhost ! -name virtio ! -name char -exec rm -rf {} +
  depmod --basedir "$into" "$release"
}

# provide_kernel PACKAGE PACK: sets `kernel` to the folder of the unpacked kernel, in which `PACK
# FOLDER RELEASE` has left what it makes. A folder with its final name is complete.
provide_kernel() {
  local -r package=$1 pack=$2
  local lock
  kernel=$guest_cache/$package
  mkdir -p "$guest_cache"
  exec {lock}>"$guest_cache/lock"
  flock "$lock"
  if [[ ! -e $kernel ]]; then
    rm -rf "$kernel.partial"
    mkdir "$kernel.partial"
    _unpack_kernel "$package" "$kernel.partial"
    mv "$kernel.partial" "$kernel"
  fi
  "$pack" "$kernel" "$(<"$kernel/release")"
  exec {lock}>&-
  kernel=$(cd "$kernel" && pwd)
}

# copy_modules KERNEL RELEASE TREE MODULE...: the modules and what they need, into the folder TREE,
# and their names to TREE/modules in the order in which they are to be inserted.
copy_modules() {
  local -r from=$1 release=$2 tree=$3
  local file files
  files=$(modprobe --dirname "$from" --set-version "$release" --show-depends --all "${@:4}" |
    sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++')
  for file in $files; do
    cp "$file" "$tree"
    basename "$file" >>"$tree/modules"
  done
}

# pack_tree TREE FILE: makes it an initramfs. Not compressed: an emulated processor would take long
# to undo that.
pack_tree() {
  (cd "$1" && find . | busybox cpio -o -H newc 2>/dev/null) >"$2.partial"
  mv "$2.partial" "$2"
}
