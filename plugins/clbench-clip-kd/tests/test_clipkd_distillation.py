"""A narrower student learns from a teacher, is resumed to the bit, and is loaded from its directory."""

from __future__ import annotations

import copy
import json
import math

import open_clip
import pytest
import torch
from clbench import ConfigError
from clbench.errors import NotFiniteError, UnknownNameError
from clbench.methods import Reference
from clbench.models import image_features, load_directory, text_features
from clbench.testing.doubles import tiny_backbone, tiny_reference
from clbench_clip_kd.distillation import Distillation
from clbench_clip_kd.losses import Embeddings, info_nce
from clbench_clip_kd.optimizing import decays, parameter_groups
from clbench_clip_kd.settings import DistillSettings
from clbench_clip_kd.students import (
    VOCABULARY,
    build_student,
    load_student,
    packaged_students,
    student_config,
    vocabulary_file,
    write_student,
)

NARROW = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1},
}
THIN = NARROW | {"embed_dim": 8}
QUICK = {"epochs": 4, "batch_size": 10, "warmup": 2, "lr": 3e-3}
TEACHER = tiny_backbone().freeze()


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def distillation(config=NARROW, *, seed: int = 0, precision="fp32", **changes) -> Distillation:
    student = build_student("narrow", config, TEACHER, seed=seed)
    settings = DistillSettings(**QUICK | changes)
    return Distillation(
        TEACHER, student, tiny_reference(), settings, config=config, seed=seed, precision=precision
    )


def weights(training: Distillation) -> dict[str, torch.Tensor]:
    return {n: w.clone() for n, w in training.student.model.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@torch.no_grad()
def contrast(backbone) -> float:
    """CLIP's loss on all reference pairs."""
    pairs = tiny_reference()
    embeddings = Embeddings(image_features(backbone, pairs.images), text_features(backbone, pairs.texts))
    return float(info_nce(embeddings, backbone.scale))


@torch.no_grad()
def distance(backbone) -> float:
    """Mean squared distance of the reference embeddings from the teacher's."""
    pairs = tiny_reference()
    return float(
        sum(
            (ours - theirs).square().sum(dim=-1).mean()
            for ours, theirs in (
                (image_features(backbone, pairs.images), image_features(TEACHER, pairs.images)),
                (text_features(backbone, pairs.texts), text_features(TEACHER, pairs.texts)),
            )
        )
    )


@pytest.mark.parametrize("augment", [True, False])
def test_a_narrower_student_comes_near_its_teacher(augment):
    training = distillation(epochs=20, augment=augment)
    before = distance(training.student)
    epochs = []
    training.run(report=epochs.append)
    assert distance(training.student) < 0.3 * before
    assert [epoch.number for epoch in epochs] == list(range(1, 21))
    assert set(epochs[0].losses) == {"contrastive", "CRD", "FD", "ICL"}
    assert sum(epochs[-1].losses.values()) < 0.5 * sum(epochs[0].losses.values())
    assert not training.student.model.training


def test_a_narrower_student_learns_to_match_images_with_texts():
    # Without the pull to this teacher's embeddings, which are random and nearly collinear.
    training = distillation(epochs=25, batch_size=20, fd=0.0, crd=0.0, augment=False)
    before = contrast(training.student)
    training.run()
    assert contrast(training.student) < 0.7 * before


def test_a_student_of_another_width_learns_through_a_projection():
    training = distillation(THIN, epochs=2, mfd=1.0, gd=1.0, afd=1.0, cross_kd=1.0)
    projection = copy.deepcopy(training.objective.projection)
    before = weights(training)
    training.run()
    assert training.student.width == 8
    for (name, ours), theirs in zip(
        training.objective.projection.named_parameters(), projection.parameters(), strict=True
    ):
        assert not torch.equal(ours, theirs), name
    assert not equal(weights(training), before)


def test_the_first_step_is_adamw_s_on_the_sum_of_the_losses():
    training = distillation(epochs=1, batch_size=20, augment=False, warmup=0, weight_decay=0.3)
    before = {n: p.detach().clone() for n, p in training.student.model.named_parameters()}
    twin = copy.deepcopy(training.student.model)
    pairs = tiny_reference()
    pixels = torch.from_numpy(pairs.images.pixels(TEACHER.preprocessing).copy())
    images = TEACHER.preprocessing.normalise(pixels)
    tokens = TEACHER.tokenize(pairs.texts)
    U, V = (
        torch.nn.functional.normalize(x, dim=-1)
        for x in (twin.encode_image(images), twin.encode_text(tokens))
    )
    A, B = image_features(TEACHER, pairs.images), text_features(TEACHER, pairs.texts)
    own = torch.arange(20)
    entropy, s, s_t, c = torch.nn.functional.cross_entropy, twin.logit_scale.exp(), TEACHER.scale, 1 / 0.07
    loss = (entropy(s * U @ V.T, own) + entropy(s * V @ U.T, own)) / 2
    for student, teacher in ((s * U @ V.T, s_t * A @ B.T), (s * V @ U.T, s_t * B @ A.T)):
        p = teacher.softmax(dim=1)
        loss = loss + (p * (p.log() - student.log_softmax(dim=1))).nansum(dim=1).mean() / 2
    loss = loss + 2000 * (((U - A) ** 2).mean() + ((V - B) ** 2).mean())
    loss = loss + (entropy(c * U @ B.T, own) + entropy(c * V @ A.T, own)) / 2
    loss.backward()
    training.run()
    checked = 0
    for name, parameter in training.student.model.named_parameters():
        gradient = dict(twin.named_parameters())[name].grad
        decay = 0.3 if parameter.ndim > 1 and "ln" not in name and "bias" not in name else 0.0
        # Adam's first step is the gradient's sign, where the gradient is large beside epsilon.
        expected = before[name] * (1 - 3e-3 * decay) - 3e-3 * gradient / (gradient.abs() + 1e-6)
        clear = gradient.abs() > 1e-3
        torch.testing.assert_close(parameter.detach()[clear], expected[clear], rtol=0, atol=2e-5)
        checked += int(clear.sum())
    assert checked > 1000


def test_a_resumed_training_equals_a_straight_one(tmp_path):
    options = {"mfd": 1.0, "afd": 1.0, "epochs": 3}
    straight = distillation(**options)
    straight.run()

    class KilledError(Exception):
        pass

    def kill(epoch):
        if epoch.number == 2:
            raise KilledError

    checkpoint = tmp_path / "c.pt"
    with pytest.raises(KilledError):
        distillation(**options).run(checkpoint, kill)
    torch.manual_seed(123)
    resumed = distillation(**options)
    resumed.run(checkpoint)
    assert equal(weights(resumed), weights(straight))
    assert resumed.epochs_done == 3
    again = distillation(**options)
    again.run(checkpoint, kill)  # nothing is left to do
    assert equal(weights(again), weights(straight))
    with pytest.raises(ConfigError, match="another training"):
        distillation(**options, lr=1e-4).run(checkpoint)
    with pytest.raises(ConfigError, match="another training"):
        distillation(**options, seed=1).run(checkpoint)


def test_the_seed_decides_and_the_teacher_stays():
    digest = TEACHER.weights_digest
    runs = [distillation(epochs=1, seed=seed) for seed in (0, 0, 1)]
    for training in runs:
        torch.rand(1)
        training.run()
    first, again, other = map(weights, runs)
    assert equal(first, again)
    assert not equal(first, other)
    del TEACHER.__dict__["weights_digest"]
    assert TEACHER.weights_digest == digest


def test_the_logit_scale_is_learned_and_clamped():
    training = distillation(epochs=1)
    start = training.student.logit_scale.item()
    assert start == pytest.approx(math.log(1 / 0.07))
    with torch.no_grad():
        training.student.logit_scale.fill_(9.0)
    training.run()
    assert training.student.logit_scale.item() <= math.log(100) + 1e-6
    training = distillation(epochs=1)
    training.run()
    assert training.student.logit_scale.item() != pytest.approx(start, abs=1e-5)


def test_bfloat16_trains_too():
    training = distillation(epochs=1, precision="bf16")
    before = weights(training)
    training.run()
    after = weights(training)
    assert not equal(before, after)
    assert {w.dtype for w in after.values()} == {torch.float32}


def test_decay_is_for_matrices_but_those_of_norms_and_biases():
    training = distillation(afd=1.0)
    model = training.student.model
    spared = {n for n, p in model.named_parameters() if not decays(n, p)}
    assert {"logit_scale", "visual.class_embedding", "visual.ln_pre.weight", "ln_final.bias"} <= spared
    assert not spared & {"visual.conv1.weight", "token_embedding.weight", "positional_embedding"}
    without, decayed, modules = parameter_groups(model, training.objective, training.settings)
    assert [g["weight_decay"] for g in (without, decayed, modules)] == [0.0, 0.1, 0.01]
    assert len(without["params"]) == len(spared)
    assert sum(len(g["params"]) for g in (without, decayed)) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 21}, "fill no batch"),
        ({"warmup": 9}, "outlasts the training of 8"),
        (dict.fromkeys(("contrastive", "crd", "fd", "icl"), 0.0), "no loss is switched on"),
    ],
)
def test_settings_that_do_not_suit_the_pairs_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        distillation(**changes)


def test_a_broken_loss_names_the_step():
    training = distillation(lr=1e30, warmup=0)
    with pytest.raises(NotFiniteError, match=r"at step \d"):
        training.run()


def test_pairs_must_be_pairs():
    pairs = tiny_reference()
    student = build_student("narrow", NARROW, TEACHER)
    with pytest.raises(ConfigError, match="20 images and 3 texts"):
        Distillation(TEACHER, student, Reference(pairs.images, pairs.texts[:3]), DistillSettings(**QUICK))


# -- students -----------------------------------------------------------------------------------------


def test_a_written_student_is_loaded_as_it_was(tmp_path):
    student = build_student("narrow", NARROW, TEACHER)
    folder = tmp_path / "student"
    write_student(folder, student, NARROW)
    for loaded in (load_student(folder), load_directory("narrow", folder, vocabulary=VOCABULARY)):
        assert equal(student.model.state_dict(), loaded.model.state_dict())
        assert loaded.preprocessing == TEACHER.preprocessing
        texts = ["a photo of a café.", "50% off!", "xylophone"]
        assert torch.equal(loaded.tokenize(texts), TEACHER.tokenize(texts))
    assert json.loads((folder / "open_clip_config.json").read_text())["model_cfg"] == NARROW


def test_a_vocabulary_survives_being_written(tmp_path):
    path = tmp_path / VOCABULARY
    path.write_bytes(vocabulary_file(TEACHER))
    copied, original = open_clip.SimpleTokenizer(str(path)), open_clip.SimpleTokenizer()
    assert copied.encoder == original.encoder
    assert copied.bpe_ranks == original.bpe_ranks


def test_another_tokenizer_is_refused():
    backbone = tiny_backbone()
    backbone.tokenizer = lambda texts: torch.zeros(len(texts), 77, dtype=torch.int64)
    with pytest.raises(ConfigError, match="function, not a byte-pair tokenizer"):
        vocabulary_file(backbone)


def test_students_are_found_by_name_and_by_file(tmp_path):
    assert packaged_students() == ("ViT-T-16", "mini-clip-narrow")
    assert student_config("ViT-T-16")["vision_cfg"]["width"] == 192
    assert student_config("ViT-S-16")["embed_dim"] == 384
    for content in (NARROW, {"model_cfg": NARROW, "preprocess_cfg": {}}):
        path = tmp_path / "narrow.json"
        path.write_text(json.dumps(content))
        assert student_config(str(path)) == NARROW
    with pytest.raises(UnknownNameError, match="did you mean 'ViT-T-16'"):
        student_config("ViT-T-61")
    path.write_text("{}")
    with pytest.raises(ConfigError, match="lacks embed_dim"):
        student_config(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        student_config(str(tmp_path / "none.json"))


def test_vit_t_16_is_the_published_size():
    with torch.device("meta"):
        model = open_clip.CLIP(**student_config("ViT-T-16"))
    vision = sum(p.numel() for p in model.visual.parameters())
    assert vision == pytest.approx(5.6e6, rel=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vision_cfg": NARROW["vision_cfg"] | {"image_size": 32}}, "image size 32, not 16"),
        ({"text_cfg": NARROW["text_cfg"] | {"context_length": 16}}, "context length 16, not 77"),
        ({"text_cfg": NARROW["text_cfg"] | {"vocab_size": 512}}, "vocabulary 512, not 49408"),
        ({"custom_text": True}, "text tower of another make"),
        ({"depth": 3}, "cannot be built"),
    ],
)
def test_students_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        build_student("wrong", NARROW | change, TEACHER)
