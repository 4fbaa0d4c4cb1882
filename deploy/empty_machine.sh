#!/usr/bin/env bash
# Try a clone of this repository on an empty machine: a new Debian with python3, its venv, make and certificates, and
# nothing else. No compiler, no git, no headers, a user without rights, the locale C.
#
#   deploy/empty_machine.sh [--keep] [COMMAND ...]
#
# Runs "make demo" and "make test", or the commands that are given, each in a shell at the clone's root, and says how long
# each took. Only what is committed is tried. Needs root and debootstrap. pip is told what it is told on this machine, as
# for the images. --keep leaves the machine in its folder, which is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=""
[[ "${1:-}" != --keep ]] || { keep=yes; shift; }
(($#)) || set -- "make demo" "make test"

if ((EUID != 0)) || ! command -v debootstrap >/dev/null; then
    echo "SKIPPED: no empty machine was made, for want of root or debootstrap (apt-get install debootstrap)" >&2
    exit 0
fi
# Mounts and processes of its own, so that nothing of the trial outlives it.
if [[ -z "${BANYAN_APART:-}" ]]; then
    BANYAN_APART=yes exec unshare --mount --pid --fork --kill-child "$0" ${keep:+--keep} "$@"
fi

root="$(mktemp -d "${TMPDIR:-/tmp}/banyan-empty.XXXXXX")"
chmod 755 "$root" # it is somebody's root folder
tidy() {
    umount --recursive --quiet "$root/dev" "$root/proc" "$root/sys" "${mounts[@]}" || true
    if [[ -n "$keep" ]]; then echo "kept: $root"; else rm -rf --one-file-system "$root"; fi
}
mounts=()
trap tidy EXIT

debootstrap --variant=minbase --include=python3,python3-venv,make,ca-certificates bookworm "$root" \
    ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$root.log" || { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
git clone --quiet . "$root/srv/banyan"
for file in /etc/resolv.conf /etc/hosts; do cp --dereference "$file" "$root$file"; done
python=.venv/bin/python
[[ -x "$python" ]] || python=python3
while read -r path; do
    [[ -n "$path" ]] || continue
    if [[ -d "$path" ]]; then mkdir -p "$root$path"; else mkdir -p "$root${path%/*}" && touch "$root$path"; fi
    mount --bind "$path" "$root$path"
    mounts+=("$root$path")
done < <("$python" deploy/pip_conf.py "$root/etc/pip.conf")
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
chroot "$root" useradd --create-home reader
chroot "$root" chown -R reader: /srv/banyan
home=$(chroot "$root" getent passwd reader | cut -d: -f6)
echo "a Debian $(cat "$root/etc/debian_version") with $(chroot "$root" python3 --version) and $(chroot "$root" make --version | head -n 1)"

for command in "$@"; do
    started=$SECONDS
    chroot --userspec=reader "$root" env -i PATH=/usr/bin:/bin HOME="$home" sh -c "cd /srv/banyan && $command" || {
        code=$?
        echo "FAILED after $((SECONDS - started)) s with $code: $command" >&2
        exit "$code"
    }
    echo "done after $((SECONDS - started)) s: $command"
done
