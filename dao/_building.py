"""How setuptools builds the package."""

from __future__ import annotations

import shutil

from setuptools.command.build_py import build_py  # type: ignore[import-untyped]


class BuildPy(build_py):  # type: ignore[misc]
    """Begins with an empty build folder: what a former build left there, deleted migrations too, would ship."""

    def run(self) -> None:
        """Copy the package's files."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
