#!/bin/bash
# Creates the environment of the plugin's tests, which sees QGIS: tools/create_qgis_venv.sh PYTHON FOLDER
set -eu
python=$1
folder=$2
say() { printf '\033[1m==>\033[0m %s\n' "$1"; }
ready() {
    for program in qgis qgis_process xvfb-run xauth; do
        command -v $program >/dev/null || return 1
    done
    "$python" -c 'import ensurepip, qgis.core' 2>/dev/null
}
ready || tools/apt_install.sh python3-qgis qgis xvfb xauth fonts-open-sans python3-venv
ready || { echo "QGIS is not to be found by $python: give make QGIS_PYTHON=path." >&2; exit 1; }
say "Creating $folder for the tests in $("$python" -c 'from qgis.core import Qgis; print("QGIS", Qgis.QGIS_VERSION)')"
"$python" -m venv --system-site-packages "$folder" || { rm -rf "$folder"; echo "$folder could not be created." >&2; exit 1; }
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input 'pytest>=8' 'pytest-qgis>=5' || {
    echo "pytest could not be installed into $folder: see pip's message above." >&2
    exit 1
}
packages=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
ln -sfn "$PWD" "$packages/unclouded"
