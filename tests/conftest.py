"""Property tests draw new examples at a developer's desk and the same ones in CI, where a red run must be the
change's doing and not chance's."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
