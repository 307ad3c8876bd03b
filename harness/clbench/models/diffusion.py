"""Text-to-image models through diffusers: any pipeline with the usual call, from a directory or a hub."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from clbench.errors import DataError
from clbench.models.generator import ImageGenerator
from clbench.specs import load_reference

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["DiffusersGenerator"]


class DiffusersGenerator(ImageGenerator):
    """A ``DiffusionPipeline`` as an image generator.

    The pipeline is called with ``prompt``, ``num_inference_steps``, ``guidance_scale``, ``generator`` (one
    per image) and ``output_type="pil"``, and answers with ``.images``. Only safetensors weights are read
    and no code from a hub is run. The pipeline is loaded when the first image is asked for.

    Each image has its own generator on the CPU, so its noise is the same in any batch and on any device.
    What is computed from it is the same up to rounding: matrix products may round differently with the
    batch size, the number of threads or the device, which can change pixels by a grey level.

    Args:
        name: the name on the command line.
        source: a directory with ``model_index.json``, or a repository id of the Hugging Face hub.
        device: where it runs.
        steps, guidance: defaults of :meth:`generate`.
        dtype: of weights and arithmetic.
        batch_size: images that are denoised together.
        revision: of the hub repository: a commit, tag or branch.
        variant: of the weight files ("fp16").
        pipeline_class: a class, or a ``"module:attribute"`` reference to one, for pipelines that are
            not diffusers' own.
    """

    def __init__(
        self,
        name: str,
        source: str | Path,
        *,
        device: str = "cpu",
        steps: int = 50,
        guidance: float = 7.5,
        dtype: Literal["float32", "float16", "bfloat16"] = "float32",
        batch_size: int = 32,
        revision: str | None = None,
        variant: str | None = None,
        pipeline_class: type | str | None = None,
    ) -> None:
        self.name = name
        self.source = source
        self.device = torch.device(device)
        self.steps = steps
        self.guidance = guidance
        self.dtype = dtype
        self.batch_size = batch_size
        self.revision = revision
        self.variant = variant
        self._pipeline_class = pipeline_class

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[PIL.Image.Image]:
        """Return one RGB image per prompt; a safety checker's refusals come back all black.

        Raises:
            DataError: the pipeline cannot be loaded, or returns another number of images.
            ValueError: not one seed per prompt.
        """
        if len(prompts) != len(seeds):
            raise ValueError(f"{len(prompts)} prompts and {len(seeds)} seeds: one seed per prompt")
        images: list[PIL.Image.Image] = []
        for start in range(0, len(prompts), self.batch_size):
            batch = list(prompts[start : start + self.batch_size])
            noise = [
                torch.Generator("cpu").manual_seed(int(seed)) for seed in seeds[start : start + len(batch)]
            ]
            made = self._pipeline(
                prompt=batch,
                num_inference_steps=self.steps if steps is None else steps,
                guidance_scale=self.guidance if guidance is None else guidance,
                generator=noise,
                output_type="pil",
            ).images
            if len(made) != len(batch):
                raise DataError(
                    f"the pipeline of generator {self.name!r} made {len(made)} images of {len(batch)} prompts"
                )
            images += [image.convert("RGB") for image in made]
            if progress is not None:
                progress(len(images))
        return images

    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        """SHA-256 over weights, configuration, arithmetic and, if not diffusers' own, the pipeline's code.

        Weights and configuration of a directory are read; a hub repository is identified by its commit.
        Steps and guidance are not part of it, nor are the versions of torch and diffusers.
        """
        total = hashlib.sha256(f"{self.dtype}|{self.variant}".encode())
        folder = self._folder
        if folder.parent.name == "snapshots":  # the hub's cache: models--OWNER--NAME/snapshots/COMMIT
            total.update(f"{self.source}@{folder.name}".encode())
        else:
            files = [folder / "model_index.json", *(f for f in folder.glob("*/**/*") if f.is_file())]
            for file in sorted(f for f in files if "__pycache__" not in f.parts):
                total.update(file.relative_to(folder).as_posix().encode())
                with file.open("rb") as stream:
                    total.update(hashlib.file_digest(stream, "sha256").digest())
        if self._pipeline_class is not None:
            total.update(inspect.getsource(sys.modules[self._class.__module__]).encode())
        return total.hexdigest()

    @property
    def _class(self) -> Any:
        if self._pipeline_class is None:
            from diffusers import DiffusionPipeline

            return DiffusionPipeline
        if isinstance(self._pipeline_class, str):
            return load_reference(self._pipeline_class)
        return self._pipeline_class

    @cached_property
    def _folder(self) -> Path:
        """The directory with the pipeline's files, fetched from the hub if need be."""
        folder = Path(self.source)
        if folder.is_dir():
            if not (folder / "model_index.json").is_file():
                raise DataError(
                    f"generator {self.name!r} has no model_index.json",
                    why=f"looked in {folder}",
                    fix="name a directory that DiffusionPipeline.save_pretrained has written",
                )
            return folder
        if isinstance(self.source, Path):
            raise DataError(f"generator {self.name!r}: there is no directory {folder}")
        from diffusers import DiffusionPipeline

        try:
            with _quiet():
                return Path(
                    DiffusionPipeline.download(
                        self.source, revision=self.revision, variant=self.variant, use_safetensors=True
                    )
                )
        except (OSError, ValueError, RuntimeError) as error:
            raise DataError(
                f"the weights of generator {self.name!r} cannot be fetched: {self.source}",
                why=_first_line(error),
                fix="check the connection to the model hub or its local cache (HF_HOME), "
                "or name another generator: clbench list generators",
            ) from error

    @cached_property
    def _pipeline(self) -> Any:
        folder = self._folder
        try:
            with _quiet():
                pipeline = self._class.from_pretrained(
                    str(folder),
                    variant=self.variant,
                    use_safetensors=True,
                    local_files_only=True,
                )
                pipeline.set_progress_bar_config(disable=True)
                return pipeline.to(self.device, getattr(torch, self.dtype))
        except (OSError, ValueError, RuntimeError, AttributeError, ImportError) as error:
            raise DataError(
                f"the pipeline of generator {self.name!r} cannot be loaded",
                why=_first_line(error),
                fix=f"replace the files in {folder}",
            ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the chatter and the bars of diffusers and transformers while they load."""
    import diffusers.utils.logging as diffusers_logging
    import transformers.utils.logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    levels = [library.get_verbosity() for library in libraries]
    bars = [library.is_progress_bar_enabled() for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level, shown in zip(libraries, levels, bars, strict=True):
            library.set_verbosity(level)
            if shown:
                library.enable_progress_bar()
