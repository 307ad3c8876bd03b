"""Photograph the first page of the leaderboard site for the README: python leaderboards/screenshot.py.

Needs the development environment and chromium.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from clbench.boards.site import build_site
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "site.png"


def photograph(site: Path) -> bytes:
    """The top of the first page, the pointer on a point of the chart."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1480, "height": 1180}, device_scale_factor=1.25)
        page.goto((site / "index.html").as_uri())
        point = page.locator("figure[data-drawn] .mark-symbol path[aria-label^='zscl:']").first.bounding_box()
        assert point is not None
        page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
        page.locator("#vg-tooltip-element.visible").wait_for()
        picture = page.screenshot()
        browser.close()
    return picture


def main() -> None:
    """Write the picture, in 64 colours: the page has few, and the file is a quarter as large."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        build_site(ROOT / "leaderboards", site)
        image = Image.open(io.BytesIO(photograph(site))).convert("RGB")
    image.quantize(64, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"wrote {PICTURE.relative_to(ROOT)}, {PICTURE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
