"""Backbones in folders as Hugging Face's ``save_pretrained`` writes them: ``--backbone hf:FOLDER``.

:mod:`~clbench.models.huggingface.folders` finds and checks what is in a folder, without torch;
:mod:`~clbench.models.huggingface.loading` makes open_clip's modules of it. Nothing in a folder is
executed, and nothing is fetched.
"""

from __future__ import annotations

__all__: list[str] = []
