"""What this distribution contributes: bounds and baselines."""

from __future__ import annotations

from clbench import Assumptions, MethodSpec, hookimpl

from clbench_baselines.traps import ICARL, LWF, LWF_VR, WISE_FT

_RECIPE = {"iterations": 40, "warmup": 4, "lr": 3e-4, "batch_size": 32}
_LWF_RECIPE = {**_RECIPE, "reference_batch_size": 32}
_CLAIMS = "clbench_baselines:claims.toml"
_ZSCL = "the recipe of Zheng et al., ICCV 2023"


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """Return the bounds and the baselines."""
    return [
        MethodSpec(
            name="zero-shot",
            title="Zero-shot",
            summary="The pre-trained model, which learns nothing",
            factory="clbench_baselines.finetune:ZeroShot",
            settings="clbench_baselines.settings:ZeroShotSettings",
            protocol="zero_shot",
            claims=_CLAIMS,
        ),
        MethodSpec(
            name="finetune",
            title="Fine-tuning",
            summary="Cross-entropy on the current task: what happens when nothing is done against forgetting",
            factory="clbench_baselines.finetune:FineTune",
            settings="clbench_baselines.settings:FineTuneSettings",
            tuned={"mini": _RECIPE},
            citation=f"Continual fine-tuning, {_ZSCL}.",
            claims=_CLAIMS,
        ),
        MethodSpec(
            name="joint",
            title="Joint",
            summary="One model trained on all tasks at once",
            factory="clbench_baselines.joint:Joint",
            settings="clbench_baselines.settings:JointSettings",
            tuned={"mini": _RECIPE},
            protocol="joint",
            assumptions=Assumptions(replay=True),
        ),
        MethodSpec(
            name="independent",
            title="Independent",
            summary="One model per task, each from the pre-trained weights: the upper bound of fine-tuning",
            factory="clbench_baselines.finetune:FineTune",
            settings="clbench_baselines.settings:FineTuneSettings",
            tuned={"mini": _RECIPE},
            protocol="independent",
            assumptions=Assumptions(task_identity="given"),
            claims=_CLAIMS,
        ),
        MethodSpec(
            name="pixel-neighbour",
            title="Pixel neighbour",
            summary="The class of the nearest training image by its pixels: a reference without any model",
            factory="clbench_baselines.references:PixelNeighbour",
            settings="clbench_baselines.settings:PixelNeighbourSettings",
            protocol="independent",
            assumptions=Assumptions(replay=True, task_identity="given"),
            deterministic=True,
        ),
        MethodSpec(
            name="ridge",
            title="Ridge",
            summary="Ridge regression on the frozen model's image features, task by task: a reference",
            factory="clbench_baselines.references:Ridge",
            settings="clbench_baselines.settings:RidgeSettings",
            protocol="independent",
            assumptions=Assumptions(task_identity="given"),
            deterministic=True,
        ),
        MethodSpec(
            name="wc",
            title="WC",
            summary="Weight consolidation: fine-tuning with an L2 pull to the weights before the task",
            factory="clbench_baselines.finetune:WeightConsolidation",
            settings="clbench_baselines.settings:WCSettings",
            tuned={"mini": _RECIPE},
            citation=f"Weight consolidation, {_ZSCL}.",
        ),
        MethodSpec(
            name="wise-ft",
            title="WiSE-FT",
            summary="Fine-tuning, then a mixture with the weights before the task",
            factory="clbench_baselines.finetune:WiSEFT",
            settings="clbench_baselines.settings:WiSEFTSettings",
            tuned={"mini": _RECIPE},
            citation="Wortsman et al. Robust Fine-Tuning of Zero-Shot Models. CVPR 2022.",
            claims=_CLAIMS,
            traps=WISE_FT,
        ),
        MethodSpec(
            name="lwf",
            title="LwF",
            summary="Fine-tuning, distilled from the previous model on the task's own images",
            factory="clbench_baselines.lwf:LwF",
            settings="clbench_baselines.settings:LwFSettings",
            tuned={"mini": _LWF_RECIPE},
            citation="Li, Hoiem. Learning without Forgetting. TPAMI 2018.",
            claims=_CLAIMS,
            traps=LWF,
        ),
        MethodSpec(
            name="lwf-vr",
            title="LwF-VR",
            summary="LwF over random texts in place of the task's class prompts",
            factory="clbench_baselines.lwf:LwFVR",
            settings="clbench_baselines.settings:LwFVRSettings",
            tuned={"mini": _LWF_RECIPE},
            citation=(
                "Ding, Liu, Tian, Yang, Ding. Don't Stop Learning: Towards Continual Learning for the CLIP "
                "Model. arXiv:2207.09248, 2022."
            ),
            claims=_CLAIMS,
            traps=LWF_VR,
        ),
        MethodSpec(
            name="icarl",
            title="iCaRL",
            summary="Fine-tuning, distilled from the initial model on exemplars of earlier classes",
            factory="clbench_baselines.icarl:ICaRL",
            settings="clbench_baselines.settings:ICaRLSettings",
            tuned={"mini": {**_RECIPE, "exemplar_batch_size": 32, "memory": 888}},
            assumptions=Assumptions(replay=True),
            citation=(
                "Rebuffi, Kolesnikov, Sperl, Lampert. iCaRL: Incremental Classifier and Representation "
                f"Learning. CVPR 2017; {_ZSCL}."
            ),
            claims=_CLAIMS,
            traps=ICARL,
        ),
        MethodSpec(
            name="ewc",
            title="EWC",
            summary="Fine-tuning with a pull to earlier weights, weighed by their Fisher information",
            factory="clbench_baselines.ewc:EWC",
            settings="clbench_baselines.settings:EWCSettings",
            tuned={"mini": {**_RECIPE, "fisher_samples": 64}},
            citation="Kirkpatrick et al. Overcoming Catastrophic Forgetting in Neural Networks. PNAS 2017.",
        ),
        MethodSpec(
            name="soup",
            title="Model soup",
            summary="The mean of the models that were fine-tuned on each task",
            factory="clbench_baselines.soup:ModelSoup",
            settings="clbench_baselines.settings:SoupSettings",
            tuned={"mini": _RECIPE},
            citation=(
                "Wortsman et al. Model Soups: Averaging Weights of Multiple Fine-Tuned Models Improves "
                "Accuracy Without Increasing Inference Time. ICML 2022."
            ),
        ),
    ]
