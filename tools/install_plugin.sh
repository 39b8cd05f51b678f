#!/bin/bash
# Links this checkout into a QGIS profile as the plugin `unclouded`: tools/install_plugin.sh PROFILE
set -eu
link=$1/python/plugins/unclouded
if [ -e "$link" ] && [ ! -L "$link" ]; then
    echo "$link exists and is no link: remove that installation in QGIS's plugin manager first." >&2
    exit 1
fi
mkdir -p "$(dirname "$link")"
ln -sfn "$PWD" "$link"
echo "Linked $link. Restart QGIS and tick Unclouded under Plugins > Manage and Install Plugins > Installed."
