#!/usr/bin/env bash
# Build the images without a container engine, start each one and ask for its health.
#
#   deploy/build_images.sh [--base IMAGE] [gateway|v2|legacy|sandbox ...]
#
# Needs root and Debian's buildah; installs buildah and debootstrap if it may. Without --base, a Debian with its own
# python3 is made by debootstrap and takes the place of the base image, so that no image registry is needed.
# BUILDAH_OPTIONS is passed to every build, for example a mount of a company's certificates and pip configuration:
#   BUILDAH_OPTIONS="--volume /etc/pip.conf:/etc/pip.conf:ro" deploy/build_images.sh gateway
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; }
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

needed=()
command -v buildah >/dev/null || needed+=(buildah)
[[ -n "$base" ]] || command -v debootstrap >/dev/null || needed+=(debootstrap)
if ((${#needed[@]})); then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${needed[@]}"
fi

work="${BANYAN_BUILD_DIR:-$PWD/build/images}"
mkdir -p "$work"
# chroot and vfs work where there are neither namespaces nor overlay mounts, as inside most CI machines.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
store=(--root "$work/store" --runroot "$work/run")

if [[ -z "$base" ]]; then
    base=localhost/banyan-base:bookworm
    if ! buildah "${store[@]}" inspect --type image "$base" >/dev/null 2>&1; then
        [[ -x "$work/rootfs/usr/bin/python3" ]] ||
            debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/rootfs" \
                ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$work/debootstrap.log"
        scratch="$(buildah "${store[@]}" from scratch)"
        buildah "${store[@]}" add -q "$scratch" "$work/rootfs" / >/dev/null
        buildah "${store[@]}" commit -q "$scratch" "$base" >/dev/null
        buildah "${store[@]}" rm "$scratch" >/dev/null
    fi
fi

file_of() {
    case "$1" in
        sandbox) echo deploy/images/Dockerfile.sandbox ;;
        *) echo "Dockerfile.$1" ;;
    esac
}

for name in "${wanted[@]}"; do
    echo "== building banyan-$name"
    # shellcheck disable=SC2086  # the options are words
    buildah "${store[@]}" build --quiet --layers --format docker --build-arg "BASE=$base" ${BUILDAH_OPTIONS:-} \
        --file "$(file_of "$name")" --tag "banyan-$name" . >/dev/null
    python3 deploy/images/try_image.py "$name" "$work"
done
