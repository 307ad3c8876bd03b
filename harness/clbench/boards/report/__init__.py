"""One self-contained html page about recorded runs."""

from __future__ import annotations

from clbench.boards.report.contents import Report, report_of
from clbench.boards.report.page import render_report

__all__ = ["Report", "render_report", "report_of"]
