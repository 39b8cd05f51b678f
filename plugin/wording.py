"""Words for users: translation, durations, sizes."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication


def tr(text: str) -> str:
    """Gives a text in the user's language."""
    return QCoreApplication.translate("Unclouded", text)


def duration(seconds: float) -> str:
    """Words a time as one would say it: `a few seconds`, `40 s`, `3 min`, `1 h 20 min`."""
    if seconds < 5:
        return tr("a few seconds")
    if seconds < 55:
        return tr("{} s").format(round(seconds / 5) * 5)
    minutes = max(round(seconds / 60), 1)
    if minutes < 60:
        return tr("{} min").format(minutes)
    return tr("{} h {} min").format(*divmod(minutes, 60))


def size(count_bytes: int) -> str:
    """Words a size on disk: `3 MB`, `1.2 GB`."""
    if count_bytes >= 1e9:
        return tr("{:.1f} GB").format(count_bytes / 1e9)
    return tr("{} MB").format(max(round(count_bytes / 1e6), 1))


def percent(fraction: float) -> str:
    """Words a share of 0..1."""
    return tr("{} %").format(round(100 * fraction))
