#!/bin/bash
# Runs the demonstration, or removes the clouds of the user's image: tools/demo.sh [OPTICAL] [SAR]
set -eu
optical=${1/#\~/$HOME}
sar=${2/#\~/$HOME}
unclouded=.venv/bin/unclouded
if [ -z "$optical" ]; then
    [ -z "$sar" ] || { echo "SAR= is given without OPTICAL=: give make both." >&2; exit 2; }
    exec "$unclouded" demo
fi
exec "$unclouded" demo "$optical" ${sar:+--sar "$sar"}
