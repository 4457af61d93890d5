#!/usr/bin/env bash
# Installs the suite into an environment of its own: from the repository of this action, or a release from PyPI.
#
# Variables: PYTHON, VERSION; RUNNER_TEMP and GITHUB_ACTION_PATH are the runner's.
set -euo pipefail

source=$GITHUB_ACTION_PATH/../../..
if [[ -n $VERSION ]]; then
    if [[ ! $VERSION =~ ^[0-9][0-9A-Za-z.!+]*$ ]]; then
        echo '::error title=Token Conformance::the input version is no version; accepted: such as 0.1.0'
        exit 2
    fi
    source=token-conformance==$VERSION
fi
place=$RUNNER_TEMP/token-conformance
# Isolated (-I): a module of the caller's repository must not be taken for one of Python.
"$PYTHON" -I -m venv "$place/venv"
"$place/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input "$source"
