"""The leaderboard site in a real browser: sorting, filters, charts, matrices, keyboard, dark mode, phone."""

import functools
import http.server
import threading
from pathlib import Path

import pytest

pytest.importorskip("playwright")
pytest.importorskip("axe_playwright_python")
pytest.importorskip("altair")

from axe_playwright_python.sync_playwright import Axe
from clbench.boards.site import build_site
from clbench.results import write_record
from clbench.testing.records import make_record
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[2]
PAGES = {
    "index": "index.html",
    "board": "boards/mini-i.html",
    "method": "methods/gift.html",
    "run": "runs/zscl-mini-i-seed0-d43a810e/index.html",
    "literature": "literature.html",
    "about": "about.html",
}
WIDE = {"width": 1440, "height": 900}  # chart beside table
PHONE = {"width": 390, "height": 844}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("pages") / "site"
    build_site(ROOT / "leaderboards", out)
    return out


@pytest.fixture(scope="module")
def browser(program):
    path = program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture
def visit(browser, folder):
    """Open a page of the site from its folder; whatever goes wrong or leaves the folder fails the test."""
    contexts, wrong = [], []

    def note_request(request):
        if not request.url.startswith((folder.parent.as_uri(), "data:", "blob:")):
            wrong.append(f"request of {request.url}")

    def open_page(name="index", ready=True, fragment="", **how):
        context = browser.new_context(**{"viewport": WIDE, **how})
        contexts.append(context)
        context.route("http*://**", lambda route: route.abort())
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", note_request)
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}") or dialog.dismiss())
        page.on("console", lambda message: wrong.append(f"console {message.type}: {message.text}"))
        page.goto((folder / PAGES.get(name, name)).as_uri() + fragment)
        if ready:
            page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def first_table(page):
    return page.locator("table.board").first


def methods(page):
    return first_table(page).locator("tbody tr th").all_inner_texts()


def column(page, number):
    cells = first_table(page).locator(f"tbody tr td:nth-child({number + 1})")
    return [float(cell.get_attribute("data-order")) for cell in cells.all()]


def test_a_click_on_a_header_sorts(visit):
    page = visit()
    heads = first_table(page).locator("thead th")
    assert heads.nth(2).get_attribute("aria-sort") == "descending"  # by Average, from the start
    assert column(page, 2) == sorted(column(page, 2), reverse=True)
    heads.nth(3).click()
    expect(heads.nth(3)).to_have_attribute("aria-sort", "descending")
    assert heads.nth(2).get_attribute("aria-sort") is None
    assert column(page, 3) == sorted(column(page, 3), reverse=True)
    heads.nth(3).click()
    expect(heads.nth(3)).to_have_attribute("aria-sort", "ascending")
    assert column(page, 3) == sorted(column(page, 3))
    heads.nth(0).click()
    expect(heads.nth(0)).to_have_attribute("aria-sort", "ascending")
    assert methods(page) == sorted(methods(page))
    assert len(methods(page)) == 23


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_key_on_a_header_sorts(visit, key):
    page = visit()
    head = first_table(page).locator("thead th").nth(1)
    button = head.get_by_role("button")
    button.focus()
    page.keyboard.press(key)
    expect(head).to_have_attribute("aria-sort", "descending")
    page.keyboard.press(key)
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert column(page, 1) == sorted(column(page, 1))
    expect(button).to_be_focused()


def test_headers_are_reached_with_the_tab_key(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('aria-label') || ''"))
    assert any(label.startswith("Average") for label in reached)


def test_filters_hide_boards_rows_and_points(visit):
    page = visit()
    page.select_option("select[name=order]", "I")
    assert page.locator("section.table:visible").count() == 1
    expect(page.locator("form output")).to_have_text("23 rows on 1 board")
    page.select_option("select[name=extra]", "no")
    page.select_option("select[name=replay]", "no")
    shown = methods(page)
    assert "zscl" not in shown
    assert "rail-dual" not in shown
    assert "rail" in shown
    expect(page.locator("form output")).to_have_text(f"{len(shown)} rows on 1 board")
    # Joint training is no point; it is filtered out here anyway, as it replays.
    points = page.locator("figure[data-chart] .mark-symbol path")
    expect(points).to_have_count(len(shown))
    page.select_option("select[name=identity]", "inferred")
    assert set(methods(page)) == {"diki", "l2p-vote"}
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("form output")).to_have_text("46 rows on 2 boards")
    assert len(methods(page)) == 23


def test_marks_follow_what_is_shown(visit):
    page = visit()
    best = first_table(page).locator("tbody tr:has(td:nth-child(3).best) th")
    assert best.all_inner_texts() == ["rail-dual"]
    page.select_option("select[name=replay]", "no")
    assert best.all_inner_texts() == ["rail"]
    page.fill("input[name=q]", "L")
    assert {"rail", "zscl", "lwf"} <= set(methods(page))
    assert best.all_inner_texts() == ["rail"]
    page.fill("input[name=q]", "no such method")
    expect(first_table(page)).to_contain_text("no row passes the filters")


def test_the_address_keeps_the_filters(visit):
    page = visit()
    page.select_option("select[name=order]", "II")
    page.select_option("select[name=generated]", "yes")
    fragment = page.evaluate("location.hash")
    assert "order=II" in fragment
    again = visit(fragment=fragment)
    assert again.locator("select[name=generated]").input_value() == "yes"
    assert again.locator("section.table:visible").count() == 1
    other = visit(fragment="#stream=nonsense")
    assert other.locator("section.table:visible").count() == 2


def test_a_point_tells_its_figures_and_leads_to_its_method(visit):
    page = visit()
    point = page.locator("figure[data-drawn] .mark-symbol path[aria-label^='gift:']").first
    point.hover()
    tooltip = page.locator("#vg-tooltip-element")
    expect(tooltip).to_be_visible()
    for text in ("gift", "46.10 ± 1.85", "51.88 ± 2.00", "reference data"):
        expect(tooltip).to_contain_text(text)
    assert first_table(page).locator("tr.lit th").inner_text() == "gift"
    point.click()
    page.wait_for_url("**/methods/gift.html")


def test_axes_can_be_chosen(visit):
    page = visit("board")
    figure = page.locator("figure[data-drawn]")
    expect(figure.locator(".role-axis-title").first).to_have_text("Transfer, %")
    figure.locator("[data-axis=x]").select_option("learn_seconds")
    expect(figure.locator(".role-axis-title").first).to_have_text("Seconds to learn a task")
    assert figure.locator(".mark-symbol path").count() > 10


def test_dark_mode_recolours_page_and_chart(visit):
    page = visit(color_scheme="light")
    point = page.locator("figure[data-drawn] .mark-symbol path").first
    light = point.get_attribute("fill"), page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light[1]
    expect(point).not_to_have_attribute("fill", light[0])


def test_a_matrix_is_read_with_the_keyboard(visit):
    page = visit("run")
    visible = page.locator("[data-matrix]:visible")
    assert visible.count() == 1
    first = visible.locator("tbody td[tabindex='0']")
    first.focus()
    page.keyboard.press("ArrowDown")
    readout = page.locator(".readout")
    expect(readout).to_contain_text(
        "Animals and plants, after Animals and plants: 29.17 %, +5.56 to zero-shot"
    )
    page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("Handwritten digits, after Animals and plants: 62.50 %")
    expect(readout).to_contain_text("not learned yet")


def test_a_matrix_shows_other_label_spaces_and_changes(visit):
    page = visit("run")
    page.locator("[data-space]").select_option("union")
    visible = page.locator("[data-matrix]:visible")
    assert visible.get_attribute("data-matrix") == "union"
    page.locator("[data-space]").select_option("task")
    page.locator("[data-mode]").select_option("learned")
    lines = visible.locator("tbody tr")
    assert lines.nth(3).locator("td").nth(0).inner_text() == "−1.7"  # 27.5 after 29.17
    assert lines.nth(1).locator("td").nth(1).inner_text() == ""  # not learned yet
    page.locator("[data-mode]").select_option("accuracy")
    assert lines.nth(3).locator("td").nth(0).inner_text() == "27.5"


def test_scripts_and_tables_round_alike(visit):
    still = visit("run", ready=False, java_script_enabled=False).locator(".heat").first
    texts = still.locator("tbody td").all_text_contents()
    page = visit("run")
    cells = page.locator(".heat").first.locator("tbody td")
    page.locator("[data-mode]").select_option("learned")
    assert "−0.0" not in cells.all_text_contents()
    page.locator("[data-mode]").select_option("accuracy")
    assert cells.all_text_contents() == texts
    assert [
        value
        for value in cells.evaluate_all("all => all.map(c => c.dataset.v)")
        if value[-3:] in ("250", "750")
    ]


def test_courses_have_a_panel_a_task_and_tooltips(visit):
    page = visit("run")
    page.locator("figure[data-chart=course]").scroll_into_view_if_needed()
    points = page.locator("figure[data-drawn] .mark-symbol path")
    expect(points).to_have_count(110)  # ten tasks, zero-shot and ten steps
    points.first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text("Accuracy, %")


@pytest.mark.parametrize("name", sorted(PAGES))
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing(visit, name, scheme):
    page = visit(name, color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    # Without "preload" it would fetch style sheets by itself, which no browser allows a page that is a file.
    found = Axe().run(page, options={"preload": False}).response
    assert len(found["passes"]) > 20
    assert [(v["id"], [node["html"] for node in v["nodes"]][:3]) for v in found["violations"]] == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_sticks_out_on_a_phone(visit, name):
    page = visit(name, viewport=PHONE, has_touch=True, is_mobile=True)
    page.mouse.wheel(0, 1500)
    width, seen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= seen == PHONE["width"]


def test_the_first_column_stays_on_a_phone(visit):
    page = visit(viewport=PHONE)
    cell = first_table(page).locator("tbody th").first
    before = cell.bounding_box()["x"]
    page.locator(".scroll").first.evaluate("(box) => (box.scrollLeft = 200)")
    assert cell.bounding_box()["x"] == pytest.approx(before, abs=1)


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_long_name_stays_in_its_column(visit, viewport):
    page = visit(viewport=viewport)
    link = first_table(page).locator("tbody th a").first
    link.evaluate(
        "a => a.textContent = 'a-method-with-settings (learning_rate_of_the_adapters=0.0001)'.repeat(2)"
    )
    cell = first_table(page).locator("tbody th").first.bounding_box()
    name = link.bounding_box()
    assert name["x"] + name["width"] <= cell["x"] + cell["width"]


def test_without_scripts_the_tables_are_complete(visit):
    page = visit(ready=False, java_script_enabled=False)
    assert page.locator("table.board").count() == 2
    assert page.locator("table.board").first.locator("tbody tr").count() == 23
    assert page.locator("form[data-filters]:visible").count() == 0
    assert page.content().count("<noscript>") == 2
    run = visit("run", ready=False, java_script_enabled=False)
    assert run.locator("[data-matrix]:visible").count() == 3


def test_hostile_names_run_nothing(visit, folder, tmp_path):
    name = '"><img src=x onerror=alert(1)><b>{{7*7}}'
    fields = {"title": name, "citation": name}
    records = [make_record(method=name, stream=name, seed=seed, method_fields=fields) for seed in (0, 1)]
    for record in records:
        write_record(tmp_path / str(record.seed) / "record.json", record)
    hostile = build_site(tmp_path, folder.parent / "site-hostile", title=name)
    for path in sorted(path for path in hostile.sizes if path.endswith(".html")):
        page = visit(f"../site-hostile/{path}")
        assert page.locator("img").count() == 0
        for point in page.locator("figure[data-drawn] .mark-symbol path").all()[:1]:
            point.hover(force=True)
            expect(page.locator("#vg-tooltip-element")).to_be_visible()
            assert page.locator("#vg-tooltip-element img").count() == 0


def test_it_works_below_an_address(browser, folder):
    """As GitHub Pages serves it: not at the root of its host."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=folder.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/site/"
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        answers = []
        page.on("response", lambda response: answers.append((response.status, response.url)))
        page.goto(base + PAGES["run"])
        page.get_by_role("button", name="Copy").first.click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("OMP_NUM_THREADS=1 clbench run --methods zscl --stream mini")
        page.get_by_role("link", name="mini, order I").click()
        page.wait_for_selector("html[data-ready]")
        with page.expect_download() as download:
            page.goto(base + PAGES["run"])
            page.get_by_role("link", name="record.json").click()
        assert '"run_id": "d43a810e88e31489"' in Path(download.value.path()).read_text()
        context.close()
        server.shutdown()
    assert [url for status, url in answers if status >= 400 or not url.startswith(base)] == []
