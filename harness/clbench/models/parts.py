"""What a CLIP-like model is made of: as its description says, without importing torch, and as it is."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from clbench.specs import BackboneSpec, Part

__all__ = ["MISSING", "PARTS", "configurations", "declared_parts", "parts_of", "parts_of_configuration"]

PARTS: tuple[Part, ...] = get_args(Part)
MISSING: Mapping[Part, str] = {
    "vision-transformer": "its image tower is not open_clip's vision transformer",
    "class-token": "its image tower pools by attention",
    "text-transformer": "its text tower is not made of open_clip's transformer blocks",
}


def declared_parts(spec: BackboneSpec) -> frozenset[Part] | None:
    """What a backbone is made of; ``None`` where neither its spec nor open_clip says."""
    if spec.parts is not None:
        return frozenset(spec.parts)
    file = configurations() / f"{spec.architecture}.json"
    if not spec.architecture or not file.is_file():
        return None
    return parts_of_configuration(json.loads(file.read_text(encoding="utf-8")))


def parts_of_configuration(content: Mapping[str, Any]) -> frozenset[Part]:
    """What open_clip makes of a configuration of an architecture."""
    vision, text = content.get("vision_cfg", {}), content.get("text_cfg", {})
    found: set[Part] = set()
    if "timm_model_name" not in vision and isinstance(vision.get("layers", 12), int):
        found.add("vision-transformer")
        if not vision.get("attentional_pool"):
            found.add("class-token")
    if "hf_model_name" not in text:
        found.add("text-transformer")
    return frozenset(found)


def parts_of(model: Any) -> frozenset[Part]:
    """What a model is made of, by looking at it."""
    from open_clip.transformer import Transformer, VisionTransformer

    found: set[Part] = set()
    visual = getattr(model, "visual", None)
    if isinstance(visual, VisionTransformer):
        found.add("vision-transformer")
        if visual.attn_pool is None:
            found.add("class-token")
    tower = getattr(model, "text", model)  # open_clip's CustomTextCLIP keeps a tower of its own
    if isinstance(getattr(tower, "transformer", None), Transformer):
        found.add("text-transformer")
    return frozenset(found)


def configurations() -> Path:
    """open_clip's folder of architectures, found without importing it, which would import torch."""
    package = importlib.util.find_spec("open_clip")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "model_configs"
