import re
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from clbench.boards import accuracy_heatmap, board_of, transfer_last_scatter
from clbench.boards.figures import KINDS, draw
from clbench.boards.figures.cost import cost_figure
from clbench.boards.figures.courses import bands, over_seeds, subjects_of
from clbench.boards.figures.drawing.files import as_bytes, settled
from clbench.boards.figures.drawing.isoaverage import IsoAverage
from clbench.boards.figures.drawing.labels import place_labels
from clbench.boards.figures.drawing.style import blank
from clbench.boards.figures.drift import drift_course_figure, drift_figure, drift_of
from clbench.boards.figures.matrix import matrix_figure
from clbench.boards.figures.quantities import COSTS, machines_of
from clbench.boards.figures.scatter import scatter_figure
from clbench.boards.figures.tasks import tasks_figure
from clbench.boards.figures.waterfall import forgetting_figure, waterfall_figure
from clbench.boards.literature.published import published_averages, published_matrices
from clbench.errors import RecordError, UnknownNameError
from clbench.results import load_records, metrics
from clbench.results.records import HeldOutRecord, Resources
from clbench.results.statistics.intervals import mean_interval
from clbench.testing.records import make_record, make_run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.text import Text
from PIL import Image

PUBLISHED = Path(__file__).parents[3] / "leaderboards/published"
ZERO_SHOT = (50.0, 40.0, 30.0)
A = ((80.0, 35.0, 28.0), (72.0, 90.0, 31.0), (75.0, 66.0, 60.0))
B = ((82.0, 37.0, 20.0), (70.0, 80.0, 21.0), (61.0, 70.0, 64.0))
percent = st.floats(0, 100).map(lambda x: round(x, 3))
matrices = st.integers(2, 6).flatmap(lambda T: arrays(np.float64, (T, T), elements=percent))


def records(*, order="I", **changes):
    """Two methods, two seeds each."""
    return [
        make_record(matrix, method=method, seed=seed, zero_shot=ZERO_SHOT, order=order, **changes)
        for method, those in (("alpha", (A, B)), ("beta", (B, A)))
        for seed, matrix in enumerate(those)
    ]


def subject_of(*those):
    (subject,) = subjects_of(those)
    return subject


def course_of(*those):
    (course,) = subject_of(*those).courses
    return course


def texts(axes):
    return [text.get_text() for text in axes.texts]


def is_picture(path):
    with Image.open(path) as image:
        image.load()
        colours = image.convert("RGB").getcolors(1 << 20)
        return image.format == "PNG" and min(image.size) > 300 and len(colours) > 50


# What is drawn is what is recorded.


def test_matrix_shows_the_mean_over_seeds():
    course = course_of(
        make_record(A, seed=0, zero_shot=ZERO_SHOT), make_record(B, seed=1, zero_shot=ZERO_SHOT)
    )
    top, bottom = matrix_figure(course, "here").axes
    mean = (np.array(A) + np.array(B)) / 2
    np.testing.assert_allclose(bottom.collections[0].get_array().reshape(3, 3), mean)
    np.testing.assert_allclose(top.collections[0].get_array().ravel(), ZERO_SHOT)
    assert texts(bottom) == [f"{x:.1f}" for x in mean.ravel()]
    assert [label.get_text() for label in bottom.get_xticklabels()] == ["Task 0", "Task 1", "Task 2"]


def test_tasks_show_each_column_from_zero_shot_and_when_it_was_learned():
    course = course_of(make_record(A, zero_shot=ZERO_SHOT))
    for j, axes in enumerate(tasks_figure([course], "here").axes):
        (line,) = [x for x in axes.lines if x.get_label() == "toy"]
        np.testing.assert_allclose(line.get_xdata(), range(4))
        np.testing.assert_allclose(line.get_ydata(), [ZERO_SHOT[j], *(row[j] for row in A)])
        (dot,) = [x for x in axes.lines if x.get_marker() == "o"]
        assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (j + 1, A[j][j])


def test_all_panels_of_tasks_span_equally_many_points():
    axes = tasks_figure(subject_of(*records()).courses, "here").axes
    spans = [high - low for low, high in (ax.get_ylim() for ax in axes)]
    np.testing.assert_allclose(spans, spans[0])
    for ax in axes:
        low, high = ax.get_ylim()
        assert all(low <= y <= high for line in ax.lines[1:] for y in np.ravel(line.get_ydata()))


def test_no_panel_of_tasks_goes_far_beyond_what_an_accuracy_can_be():
    extreme = [[99, 40, 0], [98, 100, 0], [97, 99, 100]]
    for ax in tasks_figure([course_of(make_record(extreme, zero_shot=ZERO_SHOT))], "here").axes:
        low, high = ax.get_ylim()
        assert low > -8
        assert high < 108


def test_drift_shows_unseen_tasks_alone():
    figure = drift_course_figure([course_of(make_record(A, zero_shot=ZERO_SHOT))], "here")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Task 1", "Task 2"]
    drawn = [next(x for x in axes.lines if x.get_label() == "toy").get_ydata() for axes in figure.axes]
    np.testing.assert_allclose(drawn[0], [0, 35 - 40])
    np.testing.assert_allclose(drawn[1], [0, 28 - 30, 31 - 30])


def test_data_sets_that_were_held_out_are_unseen_to_the_end():
    held = HeldOutRecord(
        title="Cats", classes=2, test=10, digest="d", zero_shot=60.0, after=(61.0, 58.0, 50.0)
    )
    figure = drift_course_figure(
        [course_of(make_record(A, zero_shot=ZERO_SHOT, held_out={"cats": held}))], "here"
    )
    panel = figure.axes[-1]
    assert panel.get_title(loc="left") == "Cats (never learned)"
    (line,) = [x for x in panel.lines if x.get_label() == "toy"]
    np.testing.assert_allclose(line.get_xdata(), range(4))
    np.testing.assert_allclose(line.get_ydata(), [0, 1, -2, -10])


@given(matrices, st.data())
@settings(max_examples=30, deadline=None)
def test_mean_drift_is_transfer_minus_that_of_the_zero_shot_model(matrix, data):
    zero = data.draw(arrays(np.float64, len(matrix), elements=percent))
    course = course_of(make_record(matrix.tolist(), zero_shot=zero.tolist()))
    columns = [np.nanmean(drift_of(course)[0, :j, j]) for j in range(1, len(matrix))]
    assert np.mean(columns) == pytest.approx(metrics.transfer(matrix) - zero[1:].mean(), abs=1e-9)


def test_drift_and_forgetting_of_several_methods_are_tables_with_means():
    courses = subject_of(*records()).courses
    mean = (np.array(A) + np.array(B)) / 2
    left, right = drift_figure(courses, "here").axes
    expected = [mean[0, 1] - 40, (mean[0, 2] + mean[1, 2]) / 2 - 30]
    np.testing.assert_allclose(left.collections[0].get_array().reshape(2, 2), [expected, expected])
    np.testing.assert_allclose(right.collections[0].get_array().ravel(), [np.mean(expected)] * 2)
    left, right = forgetting_figure(courses, "here").axes
    lost = [mean[2, 0] - mean[0, 0], mean[2, 1] - mean[1, 1]]
    np.testing.assert_allclose(left.collections[0].get_array().reshape(2, 2), [lost, lost])
    assert texts(left)[0] == f"−{abs(lost[0]):.1f}"


@given(matrices)
@settings(max_examples=10, deadline=None)
def test_waterfall_leads_from_the_mean_as_learned_to_last(matrix):
    left, right = waterfall_figure(course_of(make_record(matrix.tolist())), "here").axes
    level = np.diagonal(matrix).mean()
    widths = [bar.get_width() for bar in right.patches]
    assert widths == sorted(widths)  # the largest loss first
    for bar in right.patches:
        assert bar.get_x() == pytest.approx(level, abs=1e-9)
        level += bar.get_width()
    assert level == pytest.approx(metrics.last(matrix), abs=1e-9)
    drawn = [np.sort(found.get_offsets()[:, 0]) for found in left.collections[1:]]
    np.testing.assert_allclose(drawn[0], np.sort(np.diagonal(matrix)))
    np.testing.assert_allclose(drawn[1], np.sort(matrix[-1]))


def test_scatter_puts_methods_where_the_board_has_them():
    those = [
        *records(),
        make_record(A, method="joint", order="I", zero_shot=ZERO_SHOT, method_fields={"protocol": "joint"}),
    ]
    axes = scatter_figure(subject_of(*those)).axes[0]
    rows = {row.method: row for row in board_of(those).tables[0].rows}
    drawn = {c.get_label(): tuple(c.lines[0].get_xydata()[0]) for c in axes.containers}
    assert set(drawn) == {"alpha", "beta", "zero-shot"}
    for name, (x, y) in drawn.items():
        assert (x, y) == (rows[name].values["transfer"].mean, rows[name].values["last"].mean)
        assert f"{name} {rows[name].values['average'].mean:.1f}" in texts(axes)


@given(
    arrays(np.float64, 5, elements=percent),
    arrays(np.float64, 2, elements=st.floats(-20, 20)),
    st.integers(2, 5),
)
@settings(max_examples=50, deadline=None)
def test_lines_of_equal_average_are_exact_where_learning_moves_all_tasks_alike(zero, change, T):
    """Tasks of one zero-shot accuracy each; learning others adds a, learning itself adds b, for good."""
    from clbench.boards.tables.rows import Row
    from clbench.results.statistics.intervals import Interval

    def row(name, protocol, matrix):
        found = {n: Interval(metrics.METRICS[n](matrix), None, 1) for n in ("transfer", "average", "last")}
        return Row(name, protocol, 1, found)

    flat = np.full((T, T), zero[0])
    moved = np.where(np.arange(T)[:, None] < np.arange(T), flat + change[0], flat + change[1])
    iso = IsoAverage.of([row("zero-shot", "zero_shot", flat), row("m", "stream", moved)], T, "task")
    assert iso.transfer + iso.last == pytest.approx(1)
    assert iso.residuals["zero-shot"] == pytest.approx(0, abs=1e-9)
    assert iso.residuals["m"] == pytest.approx(0, abs=1e-9)
    average = metrics.average(moved)
    assert iso.last_at(average, metrics.transfer(moved)) == pytest.approx(metrics.last(moved), abs=1e-6)


def test_scatter_says_how_far_measured_averages_are_from_its_lines():
    subject = subject_of(*records())
    rows = board_of(records()).tables[0].rows
    residuals = IsoAverage.of(rows, 3, "task").residuals.values()
    words = " ".join(text.get_text() for text in scatter_figure(subject).texts)
    low, high = min(residuals), max(residuals)
    assert f"{high:+.1f} points off these lines" in words
    assert f"{low:+.1f}".replace("-", "−").replace("+0.0", "0.0") in words


def test_cost_keeps_machines_apart_and_nothing_beside_a_logarithm():
    def made(method, seconds, device, seed=0):
        record = make_record(A, method=method, seed=seed, zero_shot=ZERO_SHOT)
        spent = Resources(learn_seconds=(seconds,) * 3, peak_memory_bytes=2**30)
        return record.evolve(
            resources=spent, provenance=record.provenance.model_copy(update={"device": device})
        )

    those = [
        made("fast", 1.0, "cpu"),
        made("slow", 9.0, "cpu"),
        made("free", 0.0, "cpu"),
        made("fast", 0.1, "gpu", 1),
    ]
    subject = subject_of(*those)
    cost = list(draw(those, ["cost"]))
    assert [drawing.stem for drawing in cost] == ["cost-toy-stream-default-1", "cost-toy-stream-default-2"]
    machine, here = next(iter(machines_of(subject.records).items()))
    courses = subject_of(*here).courses
    seconds = cost_figure(courses, "here", machine).axes[0]
    drawn = {c.get_label(): c.lines[0].get_xdata()[0] for c in seconds.containers}
    assert (drawn["fast"], drawn["slow"]) == (3.0, 27.0)
    assert 0 < drawn["free"] < 3.0  # apart, at the tick that says 0
    seconds.figure.draw_without_rendering()
    ticks = {
        x: label.get_text() for x, label in zip(seconds.get_xticks(), seconds.get_xticklabels(), strict=True)
    }
    assert ticks[drawn["free"]] == "0"
    assert "not compare" in " ".join(text.get_text() for text in cost[0].figure.texts)
    assert len(cost_figure(courses, "here", machine).axes) < 2 * len(COSTS)


# What may not be compared is in no figure together.


def test_protocols_and_orders_have_figures_of_their_own():
    those = [*records(order="I"), *records(order="II"), *records(order="I", protocol={"templates": "other"})]
    subjects = subjects_of(those)
    assert len(subjects) == 3
    assert len({subject.stem for subject in subjects}) == 3
    stems = [drawing.stem for drawing in draw(those)]
    assert len(set(stems)) == len(stems)
    for kind in ("scatter", "cost", "tasks"):
        assert len([d for d in draw(those, [kind]) if not d.course]) == 3


def test_figures_stand_in_the_order_of_the_tables():
    those = [make_record(A, protocol={"stream": f"{n}"}, backbone=name) for n, name in ((16, "a"), (1, "b"))]
    those = [
        record.evolve(stream=record.stream.model_copy(update={"shots": shots}))
        for record, shots in zip(those, (16, 1), strict=True)
    ]
    tables = [table.group for table in board_of(those).tables]
    assert [group.shots for group in tables] == [1, 16]  # before their backbones' names
    assert [subject.group for subject in subjects_of(those)] == tables


def test_names_of_files_are_unique_where_labels_look_alike():
    those = [
        make_record(A, settings={"lr": lr}, sources={"lr": "user"}, zero_shot=ZERO_SHOT)
        for lr in ("a b", "a/b")
    ]
    stems = [drawing.stem for drawing in draw(those, ["matrix"])]
    assert len(set(stems)) == 2
    assert all(re.fullmatch(r"[\w.-]+", stem) for stem in stems)


def test_long_names_leave_room_for_what_they_name():
    setting = {"prompt": "a photo of one of very many things that a person may have seen, " * 3}
    those = [
        make_record(M, settings=setting, sources={"prompt": "user"}, method=method, zero_shot=ZERO_SHOT)
        for method, M in (("a", A), ("b", B))
    ]
    long = [
        task.model_copy(update={"title": "Things seen by persons " * 5}) for task in those[0].stream.tasks
    ]
    those = [r.evolve(stream=r.stream.model_copy(update={"tasks": tuple(long)})) for r in those]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for drawing in draw(those):
            settled(drawing.figure)
            assert all(min(ax.get_position().size) > 0.04 for ax in drawing.figure.axes)


def test_an_unfinished_run_has_a_matrix_and_no_transfer():
    record = make_record(A[:2], zero_shot=ZERO_SHOT, status="running")
    kinds = {drawing.kind for drawing in draw([record])}
    assert kinds == {"matrix", "tasks", "drift"}
    for drawing in draw([record]):
        assert drawing.figure.axes
    (matrix,) = draw([record], ["matrix"])
    assert "2 of 3 tasks" in matrix.alt


def test_a_stream_of_one_task_has_neither_transfer_nor_forgetting():
    record = make_record([[80.0]], metrics=None, status="running")
    assert {drawing.kind for drawing in draw([record])} == {"matrix", "tasks"}


@pytest.mark.parametrize("value", [1.0, 1.21, 4.9, 7.1, 97.0, 4_765_632.0])
def test_an_axis_of_costs_can_be_read_where_there_is_one_value(value):
    record = make_record(A, zero_shot=ZERO_SHOT, resources=Resources(learn_seconds=(value / 3,) * 3))
    (machine,) = machines_of([record])
    ax = cost_figure([course_of(record)], "place", machine).axes[0]
    low, high = ax.get_xlim()
    assert sum(low <= tick <= high for tick in ax.get_xticks()) >= 2


def test_lines_are_told_apart_without_colours():
    those = [make_record(A, method=f"m{n}", zero_shot=ZERO_SHOT) for n in range(9)]
    figure = tasks_figure(subject_of(*those).courses, "place")
    lines = {line.get_label(): line for line in figure.axes[0].lines if line.get_label().startswith("m")}
    bright = [line for line in lines.values() if line.get_linewidth() > 1]
    assert len(bright) == 7
    assert len({str(line._unscaled_dash_pattern) for line in bright}) == len(bright)


def test_the_matrix_of_a_run_that_failed_says_how_far_it_came():
    failure = {"task": "t1", "error": "boom", "kind": "ValueError"}
    record = make_record(A[:1], zero_shot=ZERO_SHOT, status="failed", failure=failure)
    words = " ".join(text.get_text() for text in matrix_figure(course_of(record), "place").texts)
    assert "1 of 3 tasks are recorded: the run has failed." in words


def test_kinds_that_do_not_exist_are_named():
    with pytest.raises(UnknownNameError, match="did you mean 'waterfall'"):
        draw(records(), ["waterfal"])


# Files.


@pytest.mark.parametrize(("format", "kinds"), [("png", ["scatter", "matrix"]), ("svg", list(KINDS))])
def test_the_same_records_give_the_same_bytes_whatever_the_users_settings_are(format, kinds, tmp_path):
    first = [d.save(tmp_path / "a", [format])[0] for d in draw(records(), kinds)]
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        again = [d.save(tmp_path / "b", [format])[0] for d in draw(records(), kinds)]
    assert {path.stem.partition("-")[0] for path in first} >= {*kinds} - {"ranks", "pairs", "forest"}
    for one, other in zip(first, again, strict=True):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes()


def test_svg_has_words_and_no_date():
    for drawing in draw(records()[:2]):
        text = drawing.svg()
        assert "<text" in text
        assert "dc:date" not in text
        assert "<image" not in text  # heat maps stay sharp at any size


def test_alternative_texts_have_the_figures():
    alts = {drawing.stem: drawing.alt for drawing in draw(records())}
    subject = subject_of(*records())
    mean = subject.courses[0].matrix
    assert f"Last {metrics.last(mean):.2f} %" in alts["matrix-toy-stream-I-alpha"]
    assert all(alt.endswith(".") and len(alt) > 60 for alt in alts.values())


def test_a_format_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UnknownNameError, match="figure format"):
        as_bytes(blank(2, 2), "gif", name="a")


def test_intervals_are_those_of_tables(tmp_path):
    rng = np.random.default_rng(0)
    for seed in range(3):
        make_run(tmp_path / str(seed), [rng.random((3, 40)) < 0.6 for _ in range(3)], seed=seed)
    found = load_records([tmp_path]).records
    [course] = subject_of(*found).courses
    [row] = [r for r in board_of(found).tables[0].rows if r.records]
    assert course.average.half_width == pytest.approx(row.values["average"].half_width)
    assert course.average.covers == ("images", "seeds")
    assert course.half_widths[-1].min() > 0
    assert bands(course) == " Bands: 95 % intervals over test images and training seeds."


def test_few_seeds_without_predictions_have_no_bands():
    assert np.isnan(over_seeds(np.array([[1.0, 2], [3, 5]]))).all()
    three = np.array([[1.0, 2], [3, 5], [2, 4]])
    assert over_seeds(three)[0] == pytest.approx(mean_interval([1.0, 3, 2]).half_width)
    assert bands(subject_of(*records()).courses[0]) == ""


def test_labels_neither_hide_each_other_nor_leave_the_axes():
    random = np.random.default_rng(0)
    points = [(float(x), float(y)) for x, y in random.uniform(0, 10, (20, 2))]
    places = []
    for _ in range(2):
        figure = blank(7, 6)
        axes = figure.subplots()
        axes.set(xlim=(-1, 11), ylim=(-1, 11))
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        found = place_labels(axes, points, [f"method-{k} 41.2" for k in range(20)])
        places.append([text.get_position() for text in found])
    assert places[0] == places[1]
    # The words alone: the extent of an annotation has its leader in it.
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in found]
    outer = axes.get_window_extent()
    for k, box in enumerate(boxes):
        assert outer.x0 <= box.x0
        assert box.x1 <= outer.x1
        assert not any(box.padded(-1).overlaps(other.padded(-1)) for other in boxes[:k])


def test_figures_wait_for_matplotlib_and_never_for_torch():
    code = "import sys, clbench.boards.figures; print({'torch', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# What runs leave beside their records.


def test_heatmap(tmp_path):
    path = accuracy_heatmap(make_record([[80, 40], [70, 90]]), tmp_path / "new/heatmap.png")
    assert path == tmp_path / "new/heatmap.png"
    assert is_picture(path)


def test_heatmap_of_different_matrices_differ(tmp_path):
    a = accuracy_heatmap(make_record([[80, 40], [70, 90]]), tmp_path / "a.png")
    b = accuracy_heatmap(make_record([[80, 41], [70, 90]]), tmp_path / "b.png")
    again = accuracy_heatmap(make_record([[80, 40], [70, 90]]), tmp_path / "c.png")
    assert a.read_bytes() != b.read_bytes()
    assert a.read_bytes() == again.read_bytes()


def test_heatmap_of_a_run_that_goes_on(tmp_path):
    record = make_record().evolve(status="running", metrics=None, matrices={"task": ()})
    assert is_picture(accuracy_heatmap(record, tmp_path / "a.png"))
    with pytest.raises(ValueError, match="no accuracies"):
        accuracy_heatmap(record.evolve(zero_shot={}), tmp_path / "b.png")


def test_scatter(tmp_path):
    those = [make_record(seed=0), make_record([[80, 44], [70, 91]], seed=1)]
    assert is_picture(transfer_last_scatter(those, tmp_path / "a.png"))
    assert transfer_last_scatter(those, tmp_path / "a.svg").read_text().startswith("<?xml")
    with pytest.raises(ValueError, match="no records"):
        transfer_last_scatter([], tmp_path / "b.png")


def test_published_figures():
    averages = published_averages(PUBLISHED).set_index(["setting", "order", "method"])
    for method, M in published_matrices(PUBLISHED).items():
        printed = averages.loc[("MTIL (task id given)", "I", method)]
        assert round(metrics.average(M), 1) == printed.average
    with pytest.raises(RecordError, match="leaderboards/published"):
        published_averages(PUBLISHED / "nowhere")


def test_words_around_the_axes_hide_nothing():
    for drawing in [*draw(records()), *draw(records()[:1])]:
        figure = drawing.figure
        settled(figure)
        renderer = figure.canvas.get_renderer()
        around = [text.get_window_extent(renderer) for text in figure.texts]
        around += [legend.get_window_extent(renderer) for legend in figure.legends]
        around += [ax.get_tightbbox(renderer) for ax in figure.axes if ax.get_visible()]
        for k, box in enumerate(around[: len(figure.texts) + len(figure.legends)]):
            for other in around[k + 1 :]:
                assert not box.padded(-1).overlaps(other.padded(-1)), drawing.stem


def test_a_paper_has_title_and_notes_in_its_caption(tmp_path):
    drawing = next(draw(records(), ["scatter"]))
    files = drawing.save(tmp_path, ["pdf", "svg"], titled=False)
    assert [file.name for file in files] == [f"{drawing.stem}.{end}" for end in ("pdf", "svg", "caption.tex")]
    caption = files[2].read_text(encoding="utf-8")
    assert caption.startswith(r"\textbf{What is left of zero-shot skill, and what is left at the end.} ")
    assert "Measured Averages" in caption
    assert r"95 \% intervals" in caption or "zero-shot" in caption
    assert "What is left of zero-shot skill" not in files[1].read_text(encoding="utf-8")
    assert "What is left of zero-shot skill" in drawing.svg()
    first = files[0].read_bytes()
    assert first.startswith(b"%PDF")
    assert b"Type3" not in first
    assert drawing.save(tmp_path, ["pdf"], titled=False)[0].read_bytes() == first


@pytest.fixture
def three_seeds(tmp_path):
    rng = np.random.default_rng(0)
    for name, skill in (("best", 0.8), ("alike", 0.79), ("worse", 0.4)):
        for seed in range(3):
            right = [rng.random((2, 150)) < skill for _ in range(2)]
            make_run(tmp_path / f"{name}-{seed}", right, method=name, seed=seed)
    make_run(tmp_path / "lonely", [rng.random((2, 150)) < 0.7 for _ in range(2)], method="lonely")
    return load_records([tmp_path]).records


def test_what_can_be_told_apart_is_drawn_as_the_tables_have_it(three_seeds):
    drawn = {drawing.kind: drawing for drawing in draw(three_seeds, ["ranks", "pairs", "forest"])}
    assert set(drawn) == {"ranks", "pairs", "forest"}
    [row] = [r for r in board_of(three_seeds).tables[0].rows if r.method == "worse"]
    assert row.ranks == (3, 3)
    assert "2 of 3 pairs are separable" in drawn["pairs"].alt
    assert "cannot be told apart from it" in drawn["ranks"].alt
    texts = drawn["pairs"].svg()
    assert "worse  3<" in texts
    assert "1–2" in texts
    assert "lonely" not in texts  # one seed says nothing of the method
    assert all("Benjamini" in drawing.svg() for drawing in drawn.values())


def test_the_row_that_differences_are_to_can_be_chosen(three_seeds):
    [drawing] = draw(three_seeds, ["forest"], metric="last", against="worse")
    assert drawing.title == "Differences to worse"
    assert "Last minus that of worse, in points" in drawing.svg()
    with pytest.raises(UnknownNameError, match="nobody"):
        list(draw(three_seeds, ["forest"], against="nobody"))
    with pytest.raises(UnknownNameError, match="metric"):
        draw(three_seeds, ["forest"], metric="nothing")


def test_one_seed_each_is_no_diagram():
    assert list(draw(records(), ["ranks", "pairs", "forest"])) == []
