"""Unclouded: removes clouds from satellite images, in QGIS and on the command line."""
