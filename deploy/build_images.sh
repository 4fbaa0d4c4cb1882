#!/usr/bin/env bash
# Build the images without a container engine, start each one and ask for its health.
#
#   deploy/build_images.sh [--base IMAGE] [gateway|v2|legacy|sandbox ...]
#
# Needs root, Debian's buildah and, without --base, debootstrap: then a Debian with its own python3 takes the place of the
# base image, so that no image registry is needed. Where they are missing it says so and builds nothing, which is an
# error if CI=true. The builds install packages as pip does on this machine: its configuration, certificates and mirrors
# are mounted, and stay out of the images. BUILDAH_OPTIONS is passed to every build.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
base=""
wanted=()
while (($#)); do
    case "$1" in
        -h | --help) usage; exit 0 ;;
        --base) base="${2:?--base needs an image}"; shift 2 ;;
        gateway | v2 | legacy | sandbox) wanted+=("$1"); shift ;;
        *) echo "unknown: $1" >&2; usage >&2; exit 2 ;;
    esac
done
((${#wanted[@]})) || wanted=(gateway v2 legacy sandbox)

missing=()
((EUID == 0)) || missing+=("root")
command -v buildah >/dev/null || missing+=("buildah")
[[ -n "$base" ]] || command -v debootstrap >/dev/null || missing+=("debootstrap")
if ((${#missing[@]})); then
    echo "SKIPPED: no image was built or tried, for want of: ${missing[*]} (apt-get install buildah debootstrap)" >&2
    [[ "${CI:-}" != true ]] || exit 1
    exit 0
fi

# Mounts of its own, so that none stays behind. Where that is not allowed, overlay is not either.
if [[ -z "${BANYAN_APART:-}" ]] && unshare --mount true 2>/dev/null; then
    BANYAN_APART=yes exec unshare --mount "$0" ${base:+--base "$base"} "${wanted[@]}"
fi

work="${BANYAN_BUILD_DIR:-$PWD/build/images}"
mkdir -p "$work"
# chroot works where there are no namespaces, as inside many CI machines. So does vfs where overlay cannot be mounted, but
# it copies all files for each layer.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=overlay
in_store() { buildah --root "$work/$STORAGE_DRIVER/store" --runroot "$work/$STORAGE_DRIVER/run" "$@"; }
if ! { trial="$(in_store from scratch)" && in_store mount "$trial" && in_store rm "$trial"; } >/dev/null 2>&1; then
    STORAGE_DRIVER=vfs
fi

make_base() {
    local scratch
    # Anew after a try that was broken off; networks fail now and then, so there are two.
    for _ in 1 2; do
        rm -rf "$work/rootfs"
        debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/rootfs" \
            ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$work/debootstrap.log" && break
    done
    [[ -x "$work/rootfs/usr/bin/python3" ]] || { tail -n 20 "$work/debootstrap.log" >&2; return 1; }
    scratch="$(in_store from scratch)"
    in_store add -q "$scratch" "$work/rootfs" / >/dev/null
    in_store commit -q "$scratch" "$1" >/dev/null
    in_store rm "$scratch" >/dev/null
    rm -rf "$work/rootfs"
}

if [[ -z "$base" ]]; then
    base=localhost/banyan-base:bookworm
    if ! in_store inspect --type image "$base" >/dev/null 2>&1; then
        echo "== making the base ($STORAGE_DRIVER)"
        make_base "$base"
        echo "   after ${SECONDS} s"
    fi
fi

python=.venv/bin/python
[[ -x "$python" ]] || python=python3
mounts=(--volume "$work/pip.conf:/etc/pip.conf:ro")
while read -r path; do
    [[ -z "$path" ]] || mounts+=(--volume "$path:$path:ro")
done < <("$python" deploy/pip_conf.py "$work/pip.conf")

file_of() {
    case "$1" in
        sandbox) echo deploy/images/Dockerfile.sandbox ;;
        *) echo "Dockerfile.$1" ;;
    esac
}

build() {
    # shellcheck disable=SC2086  # the options are words
    in_store build --quiet --layers --format docker --build-arg "BASE=$base" "${mounts[@]}" ${BUILDAH_OPTIONS:-} \
        --file "$(file_of "$1")" --tag "banyan-$1" .
}

# All at once, because most of a build is waiting; each is tried when it is there.
echo "== building ${wanted[*]}"
declare -A builds
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT # of the others, if one fails
for name in "${wanted[@]}"; do
    build "$name" >"$work/$name.log" 2>&1 &
    builds[$name]=$!
done
for name in "${wanted[@]}"; do
    wait "${builds[$name]}" || { tail -n 40 "$work/$name.log" >&2; echo "banyan-$name was not built" >&2; exit 1; }
    python3 deploy/images/try_image.py "$name" "$work/$STORAGE_DRIVER"
    echo "   after ${SECONDS} s"
done
