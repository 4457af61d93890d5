#!/usr/bin/env bash
# Judges the targets of a settings file, for cron: keeps the history, and prints something only where something changed,
# so that cron sends a mail then and only then.
#
#   nightly.sh FOLDER [TARGET...]
#
# FOLDER holds conformance.toml (chmod 600), where client_secret_file names the file of each secret, and a virtual
# environment .venv with the suite in it. Without a TARGET, all of the settings file. In a crontab:
#
#   MAILTO=team@example.com
#   17 3 * * * /opt/token-conformance/nightly.sh /opt/token-conformance
#
# Ends with 0 where every target was judged or is as it was, 1 where something changed, 2 where it cannot begin,
# 75 where the last night is still at it.
set -euo pipefail
umask 077

fail() {
    printf 'nightly.sh: %s\n' "$1" >&2
    exit 2
}

[[ $# -ge 1 ]] || fail 'a folder is missing; usage: nightly.sh FOLDER [TARGET...]'
cd -- "$1" 2> /dev/null || fail "$1 is no folder that can be entered"
shift
[[ -f conformance.toml ]] || fail "$PWD/conformance.toml is missing"
suite=.venv/bin/token-conformance
[[ -x $suite ]] || fail "$PWD/$suite is missing: python3 -m venv .venv && .venv/bin/pip install token-conformance"
if [[ $# == 0 ]]; then
    names=$(.venv/bin/python -I -c \
        'import tomllib; print(*tomllib.load(open("conformance.toml", "rb")).get("targets", ()), sep="\n")') ||
        fail "$PWD/conformance.toml cannot be read"
    mapfile -t targets <<< "$names"
    set -- "${targets[@]}"
fi
[[ -n $1 ]] || fail "$PWD/conformance.toml names no target"

mkdir -p reports
exec 9> reports/.lock
if ! flock --nonblock 9; then
    echo 'nightly.sh: the last night is still at it; nothing was done' >&2
    exit 75
fi

changed=0
for target in "$@"; do
    state=reports/.$target
    before=$(cat "$state.run" 2> /dev/null || true)
    run=reports/$target/$(date -u +%Y%m%dT%H%M%SZ)
    code=0
    "$suite" run --target "$target" --report-dir "$run" > "$state.log" 2>&1 < /dev/null || code=$?
    told=
    if [[ $code != "$(cat "$state.code" 2> /dev/null || true)" ]]; then
        told="exit code $code"
    fi
    comparison=
    if [[ -f $run/results.json ]]; then
        if [[ -n $before && -f $before/results.json ]]; then
            comparison=$("$suite" compare "$before" "$run") || true
            [[ ${comparison##*$'\n'} == 'same: nothing differs'* ]] || told=${told:-exit code $code, as before}
        fi
        printf '%s\n' "$run" > "$state.run"
    fi
    printf '%s\n' "$code" > "$state.code"
    if [[ -n $told ]]; then
        changed=1
        printf '== %s: %s\n\n' "$target" "$told"
        if [[ -n $comparison ]]; then
            printf '%s\n\nThe report: %s\n\n' "$comparison" "$PWD/$run"
        else
            cat "$state.log"
            echo
        fi
    fi
done
"$suite" history reports --keep 100 > reports/.history.log 2>&1 || cat reports/.history.log >&2
exit "$changed"
