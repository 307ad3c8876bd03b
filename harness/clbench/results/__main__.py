"""``python -m clbench.results`` writes ``record.schema.json`` anew from the models."""

from __future__ import annotations

import json
from pathlib import Path

from clbench.results.records import schema

if __name__ == "__main__":
    path = Path(__file__).with_name("record.schema.json")
    path.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
