"""``clbench site``: a leaderboard as static pages that need no server and no network."""

from __future__ import annotations

from clbench.boards.site.building import SiteWritten, build_site
from clbench.boards.site.contents import Known
from clbench.boards.site.gathering import SITE_METRICS

__all__ = ["SITE_METRICS", "Known", "SiteWritten", "build_site"]
