"""The cached uint8 view must be exactly what the usual float transform reads."""

import numpy as np
import PIL.Image
import pytest
import torch
from clbench.streams import Preprocessing
from torchvision import transforms

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def _image(width: int, height: int, mode: str = "RGB") -> PIL.Image.Image:
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return PIL.Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
@pytest.mark.parametrize("size", [(40, 40), (57, 33), (33, 57), (32, 32), (20, 31), (301, 64)])
def test_pixels_equal_torchvisions_resize_and_crop(size, mode):
    preprocessing = Preprocessing(32, CLIP_MEAN, CLIP_STD)
    image = _image(*size, mode)
    reference = transforms.Compose(
        [
            transforms.Resize(32, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(32),
            lambda i: i.convert("RGB"),
            transforms.ToTensor(),
            transforms.Normalize(CLIP_MEAN, CLIP_STD),
        ]
    )
    pixels = preprocessing.to_pixels(image)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, 32, 32)
    torch.testing.assert_close(
        preprocessing.normalise(torch.from_numpy(pixels)[None])[0], reference(image), rtol=0, atol=2e-7
    )


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_every_image_of_a_batch_is_normalised_bit_for_bit_as_torchvision_does(count):
    """Each value and channel, however the batch is divided."""
    preprocessing = Preprocessing(16, CLIP_MEAN, CLIP_STD)
    values = torch.arange(count * 3 * 256).view(count, 3, 16, 16).to(torch.uint8)
    expected = torch.stack(
        [transforms.Normalize(CLIP_MEAN, CLIP_STD)(v.to(torch.float32).div(255)) for v in values]
    )
    found = preprocessing.normalise(values)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_random_crops_are_seeded_and_stay_in_range():
    preprocessing = Preprocessing(16, CLIP_MEAN, CLIP_STD, crop_scale=(0.9, 1.0))
    image = _image(64, 60)
    first = preprocessing.random_crop(image, torch.Generator().manual_seed(3))
    again = preprocessing.random_crop(image, torch.Generator().manual_seed(3))
    other = preprocessing.random_crop(image, torch.Generator().manual_seed(4))
    assert first.shape == (3, 16, 16)
    assert (first == again).all()
    assert (first != other).any()


def test_digest_changes_with_every_field():
    base = Preprocessing(32, CLIP_MEAN, CLIP_STD)
    others = [
        Preprocessing(33, CLIP_MEAN, CLIP_STD),
        Preprocessing(32, CLIP_STD, CLIP_STD),
        Preprocessing(32, CLIP_MEAN, CLIP_MEAN),
        Preprocessing(32, CLIP_MEAN, CLIP_STD, interpolation="bilinear"),
        Preprocessing(32, CLIP_MEAN, CLIP_STD, crop_scale=(0.8, 1.0)),
    ]
    assert len({p.digest for p in [base, *others]}) == 6


@pytest.mark.parametrize("side", [48, 96], ids=["kept in memory", "decoded again"])
def test_crops_of_a_batch_are_those_of_one_image_after_the_other(side):
    """However many threads decode them."""
    import datasets
    from clbench.streams import ImageSet

    images = [_image(side, side) if side <= 64 else _image(side + i, 2 * side - 3 * i) for i in range(7)]
    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    table = datasets.Dataset.from_dict({"image": images, "label": [0] * 7}, features=features)
    preprocessing = Preprocessing(16, CLIP_MEAN, CLIP_STD, crop_scale=(0.5, 1.0))
    chosen = np.array([5, 0, 3, 3, 6])
    found = ImageSet(table).crops(chosen, preprocessing, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    expected = np.stack([preprocessing.random_crop(images[i], generator) for i in chosen])
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("shape", [(40, 24), (24, 40), (32, 32), (20, 20)])
def test_squashed_images_are_torchvisions(shape):
    """SigLIP's input: both sides resized, nothing cut off."""
    generator = np.random.default_rng(0)
    image = PIL.Image.fromarray(generator.integers(0, 256, (*shape, 3), dtype=np.uint8))
    found = Preprocessing(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), resize="squash").to_pixels(image)
    wanted = transforms.Resize((32, 32), interpolation=transforms.InterpolationMode.BICUBIC)(image)
    np.testing.assert_array_equal(found, np.asarray(wanted).transpose(2, 0, 1))
