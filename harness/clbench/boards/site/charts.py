"""The interactive charts: Vega-Lite specifications without data, which each page brings along.

Vega-Lite (BSD-3) draws them, because its specifications are data that Altair checks, its marks carry ARIA
roles, and vl-convert hands out the whole of it as one file, so that a page needs no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

__all__ = ["chart_specs"]


def chart_specs() -> dict[str, Any]:
    """Return the specifications by name, with named data ``rows`` left to the page to fill.

    ``scatter`` draws fields ``x, y`` with intervals ``x_low, x_high, y_low, y_high``; the page says which
    measures these are. ``course`` draws one small panel a task.
    """
    return {"scatter": _plain(_scatter()), "course": _plain(_course())}


def _plain(chart: Any) -> dict[str, Any]:
    specification: dict[str, Any] = chart.to_dict()
    # The page has a style of its own, for light and for dark.
    specification.pop("config", None)
    specification.pop("$schema", None)
    return specification


def _scatter() -> Any:
    import altair as alt

    measures = ("Transfer", "Average", "Last")
    tooltip = [
        alt.Tooltip("method:N", title="Method"),
        *(alt.Tooltip(f"{name}:N") for name in measures),
        alt.Tooltip("seeds:N", title="Seeds"),
        alt.Tooltip("uses:N", title="Uses"),
        alt.Tooltip("x_text:N", title="Horizontal"),
        alt.Tooltip("y_text:N", title="Vertical"),
    ]
    x = alt.X("x:Q", title="x").scale(zero=False, nice=True)
    y = alt.Y("y:Q", title="y").scale(zero=False, nice=True)
    base = alt.Chart(alt.NamedData("rows"))
    across = base.mark_rule(opacity=0.45, aria=False).encode(
        x=alt.X("x_low:Q"), x2="x_high:Q", y=y, color=_kind()
    )
    along = base.mark_rule(opacity=0.45, aria=False).encode(
        x=x, y=alt.Y("y_low:Q"), y2="y_high:Q", color=_kind()
    )
    points = base.mark_point(filled=True, size=95, opacity=1, cursor="pointer").encode(
        x=x,
        y=y,
        color=_kind(),
        shape=alt.Shape("kind:N")
        .scale(domain=["method", "reference"], range=["circle", "diamond"])
        .legend(None),
        href="href:N",
        tooltip=tooltip,
        description="description:N",
    )
    layers = _layered(across, along, points.properties(name="points"))
    return layers.properties(width="container", height=430)


def _layered(*charts: alt.Chart) -> Any:
    import altair as alt

    return alt.layer(*charts)  # which it calls a layered chart or facets, depending on what it gets


def _kind() -> alt.Color:
    import altair as alt

    # Colours come from the page's style sheet, one pair for light and one for dark.
    return alt.Color("kind:N").scale(domain=["method", "reference"], range=["accent", "muted"]).legend(None)


def _course() -> Any:
    import altair as alt

    base = alt.Chart()
    step = alt.X("step:Q", title=None).axis(tickMinStep=1, format="d", grid=False)
    tooltip = [
        alt.Tooltip("task:N", title="Task"),
        alt.Tooltip("after:N", title="After"),
        alt.Tooltip("value:Q", title="Accuracy, %", format=".2f"),
        alt.Tooltip("state:N", title="State"),
        alt.Tooltip("who:N", title="Of"),
    ]
    y = alt.Y("value:Q", title=None).scale(domain=[0, 100]).axis(values=[0, 50, 100])
    line = base.mark_line(strokeWidth=1.6, aria=False).encode(
        x=step, y=y, detail="who:N", color=alt.value("accent")
    )
    learned = (
        base.transform_filter("datum.state === 'just learned'")
        .mark_rule(strokeDash=[3, 3], aria=False)
        .encode(x="step:Q", color=alt.value("muted"))
    )
    zero = (
        base.transform_filter("datum.step === 0")
        .mark_rule(strokeWidth=1, strokeDash=[1, 3], aria=False)
        .encode(y="value:Q", color=alt.value("muted"))
    )
    points = base.mark_point(filled=True, size=34, opacity=1).encode(
        x=step,
        y=y,
        color=alt.condition("datum.state === 'just learned'", alt.value("strong"), alt.value("accent")),
        tooltip=tooltip,
        description="description:N",
    )
    panels = _layered(learned, zero, line, points).properties(width=150, height=96)
    return panels.facet(
        facet=alt.Facet("task:N", title=None, sort={"field": "position", "op": "min"}).header(labelLimit=150),
        data=alt.NamedData("rows"),
        columns=5,
    )
