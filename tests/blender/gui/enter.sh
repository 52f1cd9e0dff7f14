#!/bin/bash
# A program in a root directory, in namespaces of its own: enter.sh ROOT FOLDER [PLACE…] -- WORDS…
# The root directory is only read: what is written outside FOLDER is gone with the last process, and
# so are the mounts and every process that was left. FOLDER and the PLACEs are found where they are.
set -euo pipefail
if [ "${1:-}" != "--in" ]; then
    exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private \
        "$0" --in "$@"
fi
root=$2 folder=$3
shift 3
layers=$folder/.layers
mkdir -p "$layers"
mount -t tmpfs tmpfs "$layers"
mkdir "$layers/upper" "$layers/work" "$layers/root"
mount -t overlay overlay \
    -o "lowerdir=$root,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
inside=$layers/root
mount -t proc proc "$inside/proc"
mount --rbind /sys "$inside/sys"
mount --rbind /dev "$inside/dev"
# Shared memory of the inside is not everybody's.
mount -t tmpfs tmpfs "$inside/dev/shm"
cp -L /etc/resolv.conf "$inside/etc/resolv.conf"
places=("$folder")
while [ "$1" != "--" ]; do
    places+=("$1")
    shift
done
shift
for place in "${places[@]}"; do
    if [ -d "$place" ]; then mkdir -p "$inside$place"; else
        mkdir -p "$inside$(dirname "$place")"
        touch "$inside$place"
    fi
    mount --bind "$place" "$inside$place"
done
exec chroot "$inside" "$@"
