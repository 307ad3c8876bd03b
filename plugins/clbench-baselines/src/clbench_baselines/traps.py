"""Where ZSCL's authors run a baseline otherwise than its own paper has it, and the settings that choose."""

from __future__ import annotations

from clbench import Trap

__all__ = ["ICARL", "LWF", "LWF_VR", "WISE_FT"]

_AT = "github:Thunderbeee/ZSCL (commit b96e714)"
_ICARL = f"mtil/src/models/icarl.py and mtil/src/dynamic_dataset.py, {_AT}"
_FIRST = "Rebuffi et al., CVPR 2017"
_BY_CLASS = {"groups": ("classes",)}

ICARL = (
    Trap(
        id="exemplars-against-current-classes",
        switch="exemplar_texts",
        published="current",
        intended="own",
        published_says="Exemplars of earlier tasks are compared with the prompts of the current task's "
        "classes.",
        intended_says="Exemplars are compared with the prompts of their own classes.",
        source=f"mtil/src/models/finetune.py, {_AT}; {_FIRST}, Algorithm 3, distils old classes' outputs",
    ),
    Trap(
        id="memory-exceeded",
        switch="newest",
        published="exceeding",
        intended="rest",
        published_says="The newest of t data sets gets room for M - M // t images, with which the memory "
        "of M "
        "is exceeded from the third on.",
        intended_says="The newest data set gets the room that earlier ones leave, so that M images are kept.",
        source=f"{_FIRST}, Algorithm 2, has one memory of fixed size; {_ICARL}",
        off=_BY_CLASS,
        tasks=4,
    ),
    Trap(
        id="first-data-set-unherded",
        switch="first_data_set",
        published="in_order",
        intended="herded",
        published_says="Of the first data set the first images in its order are kept.",
        intended_says="Of every data set the images are kept that herding chooses.",
        source=f"{_FIRST}, Algorithm 4; {_ICARL}",
        off=_BY_CLASS,
    ),
    Trap(
        id="one-mean-for-a-data-set",
        switch="groups",
        published="data_sets",
        intended="classes",
        published_says="Room is shared between data sets, and images are herded to the mean of a whole "
        "data set.",
        intended_says="Room is shared between classes, and images are herded to the mean of their class.",
        source=f"{_FIRST}, Algorithms 2 and 4; {_ICARL}",
    ),
    Trap(
        id="first-images-alone",
        switch="herding_candidates",
        published="first",
        intended="random",
        published_says="Of a data set with more than 30,000 images the first 30,000 can be kept alone, which "
        "have the first classes where the order is by class.",
        intended_says="Of a data set with more than 30,000 images a random 30,000 can be kept.",
        source=_ICARL,
        given={"herding_images": 64},
    ),
    Trap(
        id="exemplars-in-order",
        switch="exemplar_order",
        published="memory",
        intended="random",
        published_says="Exemplars are walked through in the order of the memory, data set after data set.",
        intended_says="Exemplars are drawn in a fresh random order in each pass.",
        source=_ICARL,
    ),
    Trap(
        id="answered-by-prompts",
        switch="classifier",
        published="clip",
        intended="nearest_mean",
        published_says="An image is answered with the nearest class prompt.",
        intended_says="An image is answered with the nearest mean of a class's exemplars.",
        source=f"{_FIRST}, Algorithm 1; mtil/src/models/evaluation.py, {_AT}",
    ),
)

WISE_FT = (
    Trap(
        id="mixed-with-the-last-model",
        switch="towards",
        published="previous",
        intended="initial",
        published_says="After each task the weights are mixed with those before the task.",
        intended_says="After each task the weights are mixed with the pre-trained ones.",
        source=f"Wortsman et al., CVPR 2022, Eq. 1; mtil/src/models/finetune.py:332-340, {_AT}",
    ),
    Trap(
        id="share-of-the-tuned-weights",
        switch="alpha",
        published=0.8,
        intended=0.5,
        published_says="The mixture has 0.8 of the fine-tuned weights.",
        intended_says="The mixture has half of the fine-tuned weights, which the paper recommends where "
        "nothing "
        "else is known.",
        source=f"Wortsman et al., CVPR 2022; mtil/scripts, --wise_ft_alpha 0.8, {_AT}",
    ),
)

_TEXT_TOWER = (
    Trap(
        id="text-tower-not-distilled",
        switch="distilled_texts",
        published="teacher",
        intended="student",
        published_says="The student's images are compared with the previous model's texts, so that its text "
        "tower is not distilled.",
        intended_says="The student's images are compared with its own texts, so that both towers are "
        "distilled.",
        source=f"Li and Hoiem, TPAMI 2018, whose loss is of the whole model's outputs; "
        f"mtil/src/models/finetune.py:250-290, {_AT}",
    ),
)

LWF = (
    *_TEXT_TOWER,
    Trap(
        id="current-classes-distilled",
        switch="distilled_classes",
        published="current",
        intended="earlier",
        published_says="What is kept of the previous model are its answers among the current task's classes.",
        intended_says="What is kept of the previous model are its answers among the classes learned before.",
        source=f"Li and Hoiem, TPAMI 2018, whose loss keeps the old tasks' outputs; mtil/scripts, lwf*.sh, "
        f"{_AT}",
    ),
)

LWF_VR = (
    *_TEXT_TOWER,
    Trap(
        id="ends-among-random-tokens",
        where="fixed",
        published=None,
        intended="words alone",
        published_says="The ten random tokens of a text may be start or end of text, and a text ends at the "
        "first end that was drawn.",
        intended_says="The ten random tokens of a text are words.",
        source=f"mtil/src/models/helpers.py:54-62, virtual_vocab, {_AT}",
        unmeasurable="it meets one text in some thousand",
    ),
)
