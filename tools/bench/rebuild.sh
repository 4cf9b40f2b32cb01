#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/bench/rebuild.sh [SOURCE] [TEST-PROGRAMS]
#
# How long is a change of one source away from its verdict? Changes SOURCE
# (src/models/vit.cpp), so that no cache helps, builds what depends on it up to
# TEST-PROGRAMS (models_video_test models_fusion_test; "all": everything) and
# runs them through CTest. Prints the seconds of each part; the source is left
# as it was. Needs a finished build of the release preset.
set -euo pipefail
cd "$(dirname "$0")/../.."
case "${1:-}" in
  -h | --help)
    sed -n '3,9s/^# \{0,1\}//p' tools/bench/rebuild.sh
    exit 0
    ;;
esac
source=${1:-src/models/vit.cpp}
tests=${2:-models_video_test models_fusion_test}
build=build/release
read -ra programs <<<"$tests"
targets=("${programs[@]}")
[ "$tests" != all ] || programs=(.)

# shellcheck disable=SC2086
ninja -C "$build" "${targets[@]}" >/dev/null
saved=$(mktemp)
cp -p "$source" "$saved"
trap 'cp -p "$saved" "$source"; rm -f "$saved"' EXIT
printf '\nnamespace { [[maybe_unused]] constexpr long kTouched = %s; }\n' \
  "$(date +%s%N)" >>"$source"

began=$(date +%s%N)
ninja -C "$build" "${targets[@]}" | tail -n 1
built=$(date +%s%N)
pattern=$(IFS='|'; echo "${programs[*]}")
ctest --test-dir "$build" -R "^($pattern)" --no-tests=error | tail -n 4
ended=$(date +%s%N)
printf 'rebuild: build %.1f s, tests %.1f s, together %.1f s\n' \
  "$(((built - began) / 100000000))e-1" "$(((ended - built) / 100000000))e-1" \
  "$(((ended - began) / 100000000))e-1"
