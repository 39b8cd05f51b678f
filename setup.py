"""The repository's root is the package `unclouded`; see pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=["unclouded", *(f"unclouded.{name}" for name in find_packages(include=["backend*", "plugin*"]))],
    package_dir={"unclouded": "."},
)
