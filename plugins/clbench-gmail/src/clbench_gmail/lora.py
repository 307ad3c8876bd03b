"""Low-rank adapters in a tower of CLIP, through peft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from clbench.errors import ConfigError
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from clbench_gmail.attention import use_linear_attention

__all__ = ["TowerLoRA"]


class TowerLoRA:
    """The adapters of one tower: ``W x + b`` becomes ``(W + α/r · B A) x + b``, with B = 0 at first.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022. A is drawn from
    torch's global generator. All other parameters of the tower are frozen.

    Args:
        tower: changed in place; its attention becomes a :class:`~clbench_gmail.attention.LinearAttention`.
        rank, alpha: r, α.
        targets: names of the linear layers to adapt, in every block.

    Attributes:
        parameters: what is trained, by name.

    Raises:
        ConfigError: the tower has no layers of such names.
    """

    def __init__(self, tower: nn.Module, *, rank: int, alpha: float, targets: Sequence[str]) -> None:
        use_linear_attention(tower)
        linear = {name.rpartition(".")[2] for name, m in tower.named_modules() if isinstance(m, nn.Linear)}
        missing = sorted(set(targets) - linear)
        if missing:
            raise ConfigError(
                f"the backbone has no linear layers named {', '.join(missing)} to adapt",
                why=f"its {type(tower).__name__} is not made of open_clip's own transformer blocks",
                fix="choose a ViT backbone, or set gmail.targets to a part of "
                f"{', '.join(sorted(linear)) or 'another backbone'}",
            )
        # peft's declared type of lora_alpha is int; it only ever divides it by the rank.
        config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets))  # type: ignore[arg-type]
        inject_adapter_in_model(config, tower)
        self.parameters: dict[str, nn.Parameter] = {}
        for name, parameter in tower.named_parameters():
            adapts = ".lora_" in name
            parameter.requires_grad_(adapts)
            if adapts:
                self.parameters[name] = parameter

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of the adapters' weights, without the tower's."""
        return {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put the weights back.

        Raises:
            KeyError: the state has other names.
        """
        if set(state) != set(self.parameters):
            raise KeyError(f"adapters of other layers: {sorted(set(state) ^ set(self.parameters))[:4]}")
        for name, parameter in self.parameters.items():
            parameter.copy_(state[name])
