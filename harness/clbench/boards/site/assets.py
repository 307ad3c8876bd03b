"""Scripts and styles that a site brings along, so that its pages need no network.

Tables: DataTables 3 (MIT). It takes the complete html tables that the pages have, adds sorting by mouse and
keyboard with ``aria-sort``, and has an interface for filters; it needs no other library, is kept since 2008,
and is one file of 124 kB, vendored here with its licence and checksum.
Charts: see :mod:`clbench.boards.site.charts`.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from clbench.boards.site.charts import chart_specs
from clbench.errors import ClbenchError, ConfigError
from clbench.installing import how_to_install_extra

__all__ = ["asset_files", "libraries", "vendored"]

_OWN = ("style.css", "site.js")
_HOME = "clbench.boards.site"


def vendored() -> dict[str, dict[str, str]]:
    """Return what ``vendor.json`` says of each vendored file: name, version, licence, package, sha256."""
    text = files(_HOME).joinpath("assets", "vendor", "vendor.json").read_text(encoding="utf-8")
    known: dict[str, dict[str, str]] = json.loads(text)
    return known


def libraries() -> list[dict[str, str]]:
    """Return name, version and licence of the libraries that the pages use."""
    import vl_convert

    listed = [{k: about[k] for k in ("name", "version", "licence")} for about in vendored().values()]
    bundle = f"{vl_convert.get_vega_version()}, by vl-convert-python {version('vl-convert-python')}"
    return [*listed, {"name": "Vega, Vega-Lite, Vega-Embed", "version": bundle, "licence": "BSD-3-Clause"}]


def asset_files() -> dict[str, bytes]:
    """Return the files under ``assets/`` of a site by path.

    Raises:
        ConfigError: the libraries for charts are not installed.
        ClbenchError: a vendored file is not what its checksum says.
    """
    home = files(_HOME).joinpath("assets")
    content = {f"assets/{name}": home.joinpath(name).read_bytes() for name in _OWN}
    for path, about in vendored().items():
        body = home.joinpath("vendor", *path.split("/")).read_bytes()
        if hashlib.sha256(body).hexdigest() != about["sha256"]:
            raise ClbenchError(
                f"the vendored {about['name']} was changed",
                why=f"{path} has another SHA-256 than vendor.json says",
                fix="install clbench again",
            )
        content[f"assets/{path}"] = body
    licence = home.joinpath("vendor", "datatables", "License.txt")
    content["assets/datatables/License.txt"] = licence.read_bytes()
    content["assets/vega.js"] = _charting()
    specs = json.dumps(chart_specs(), sort_keys=True, separators=(",", ":"))
    content["assets/charts.js"] = f"window.clbenchCharts = {specs};\n".encode()
    return content


def _charting() -> bytes:
    bundle: str = _vl_convert().javascript_bundle()
    # Its names stay its own.
    return f"(function () {{\n{bundle}\n}})();\n".encode()


def _vl_convert() -> Any:
    try:
        import altair  # noqa: F401 (what chart_specs needs)
        import vl_convert
    except ImportError as error:
        raise ConfigError(
            "the site's charts need libraries that are not installed",
            why=str(error),
            fix=how_to_install_extra("site"),
        ) from error
    return vl_convert
