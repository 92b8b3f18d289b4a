"""Where lessons are planned."""

from __future__ import annotations

from links.classroom import classroom

__all__ = ["classroom"]
