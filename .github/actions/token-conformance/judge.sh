#!/usr/bin/env bash
# Runs the suite with the inputs of the action, which come as variables, and says as outputs of the step what came of
# it: exit-code, verdict, report-dir. Ends with 0 whatever the verdict.
#
# Runner's variables: GITHUB_ACTIONS, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY, RUNNER_TEMP.
set -euo pipefail

place=$RUNNER_TEMP/token-conformance
report=${REPORT_DIR:-$place/report}
secret=$CLIENT_SECRET
# The suite is given the secret under its own name alone.
unset CLIENT_SECRET

finish() { # exit code, verdict, folder of the report
    printf 'exit-code=%s\nverdict=%s\nreport-dir=%s\n' "$1" "$2" "$3" >> "$GITHUB_OUTPUT"
    if [[ $STEP_SUMMARY == true ]]; then
        if [[ -n $3 && -f $3/summary.md ]]; then
            cat "$3/summary.md" >> "$GITHUB_STEP_SUMMARY"
        else
            printf '## Token Conformance: nothing was judged\n\nExit code %s; the log says why.\n' "$1" \
                >> "$GITHUB_STEP_SUMMARY"
        fi
    fi
    exit 0
}

refuse() {
    printf '::error title=Token Conformance::%s\n' "$1"
    finish 2 '' ''
}

if [[ -z ${BASE_URL//[[:space:]]/} && -z $TARGET ]]; then
    refuse 'no target: the inputs base-url and target are both empty; give one of them (is the variable behind it set?)'
fi
if [[ $report == *$'\n'* ]]; then
    refuse 'the input report-dir has more than one line; accepted: the path of a folder'
fi

words=(run)
add() { # option, value
    if [[ -n $2 ]]; then words+=("--$1=$2"); fi
}
add base-url "$BASE_URL"
add token-path "$TOKEN_PATH"
add profile "$PROFILE"
add client-id "$CLIENT_ID"
add scope "$SCOPE"
add config "$CONFIG"
add target "$TARGET"
add fail-on "$FAIL_ON"
add waivers "$WAIVERS"
add pinned "$PINNED"
while IFS= read -r line; do
    line=${line%$'\r'}
    if [[ -n ${line//[[:space:]]/} ]]; then words+=("$line"); fi
done <<< "$ARGUMENTS"
# Of two folders the last one counts, and this one is where the report is looked for.
words+=("--report-dir=$report")

if [[ -n $secret ]]; then
    export TOKEN_CONFORMANCE_CLIENT_SECRET=$secret
    # A runner masks what comes from the secrets context. What comes from elsewhere it masks after this line, which it
    # does not show; a mask of a few letters would make the log unreadable, and one of several lines does not work.
    if [[ ${GITHUB_ACTIONS-} == true && ${#secret} -ge 8 && $secret != *[$'\r\n']* ]]; then
        printf '::add-mask::%s\n' "${secret//%/%25}"
    fi
fi

mkdir -p "$place"
started=$place/started
touch "$started"
# Whatever the suite prints, the runner takes no command from it until the word is said that nobody can guess.
word=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '::stop-commands::%s\n' "$word"
code=0
"$place/venv/bin/token-conformance" "${words[@]}" || code=$?
# At the start of a line, whatever came before.
printf '\n::%s::\n' "$word"

# A report of an earlier run that lies there says nothing of this one.
if [[ ! $report/results.json -nt $started ]]; then
    if [[ $code == 0 ]]; then
        refuse 'nothing was judged: leave out arguments that only print something, such as --dry-run'
    fi
    finish "$code" '' ''
fi
verdict=$("$place/venv/bin/python" -I -c \
    'import json, sys; print(json.load(open(sys.argv[1], encoding="utf-8"))["verdict"])' "$report/results.json")
finish "$code" "$verdict" "$(cd "$report" && pwd)"
