#!/bin/bash
# Creates the backend's virtual environment: tools/create_venv.sh PYTHON FOLDER
set -eu
python=$1
folder=$2
command -v "$python" >/dev/null || { echo "There is no $python: install Python 3.10 or later, or give make PYTHON=path." >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "$python is $("$python" -V), the backend needs Python 3.10 or later: give make PYTHON=path." >&2
    exit 1
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || tools/apt_install.sh python3-venv
printf '\033[1m==>\033[0m %s\n' "Creating $folder"
"$python" -m venv "$folder" || { rm -rf "$folder"; echo "$folder could not be created: see Python's words above." >&2; exit 1; }
