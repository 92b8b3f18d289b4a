"""Where the service lives in these tests."""

from __future__ import annotations

from groups.home import alone, build, home, template_of, together

__all__ = ["alone", "build", "home", "template_of", "together"]
