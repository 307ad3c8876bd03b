from pathlib import Path

import pytest
from clbench.boards import accuracy_heatmap, transfer_last_scatter
from clbench.boards.published import published_averages, published_matrices
from clbench.errors import RecordError
from clbench.results import metrics
from clbench.testing.records import make_record
from PIL import Image

PUBLISHED = Path(__file__).parents[2] / "leaderboards/published"


def is_picture(path):
    with Image.open(path) as image:
        image.load()
        colours = image.convert("RGB").getcolors(1 << 20)
        return image.format == "PNG" and min(image.size) > 300 and len(colours) > 50


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
    records = [make_record(seed=0), make_record([[80, 44], [70, 91]], seed=1)]
    assert is_picture(transfer_last_scatter(records, tmp_path / "a.png"))
    with pytest.raises(ValueError, match="no records"):
        transfer_last_scatter([], tmp_path / "b.png")


def test_published_figures():
    averages = published_averages(PUBLISHED).set_index(["setting", "order", "method"])
    for method, A in published_matrices(PUBLISHED).items():
        printed = averages.loc[("MTIL (task id given)", "I", method)]
        assert round(metrics.average(A), 1) == printed.average
    with pytest.raises(RecordError, match="leaderboards/published"):
        published_averages(PUBLISHED / "nowhere")
