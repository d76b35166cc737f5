"""The demo's network: the same in both frameworks, and its scores are a mean of its map."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import ModelLoadError
from limelight.models.small_network import BLOCKS, small_cnn

IMAGES = np.random.default_rng(0).standard_normal((2, 3, 40, 33)).astype(np.float32)


@pytest.mark.torch
def test_scores_are_the_mean_of_the_class_activation_map() -> None:
    import torch

    model = small_cnn(7).eval()
    features = {}
    last = model.get_submodule(f"block{len(BLOCKS)}")
    last.register_forward_hook(lambda module, inputs, output: features.update(a=output))
    with torch.no_grad():
        logits = model(torch.from_numpy(IMAGES))
    cam = torch.einsum("kc,nchw->nkhw", model.head.weight, features["a"])
    torch.testing.assert_close(cam.mean((2, 3)) + model.head.bias, logits)
    assert cam.shape == (2, 7, 5, 4)  # 40×33 at stride 8


@pytest.mark.keras
def test_the_same_weights_give_the_same_scores_in_keras() -> None:
    keras = pytest.importorskip("keras")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = small_cnn(7)
    with torch.no_grad():
        theirs.train()(torch.from_numpy(IMAGES))  # running means and variances other than 0 and 1
    ours = small_cnn(7, "keras", (40, 33))
    weights = {k: v.detach().numpy() for k, v in theirs.state_dict().items()}
    for number in range(1, len(BLOCKS) + 1):
        kernel = weights[f"block{number}.conv.weight"].transpose(2, 3, 1, 0)
        ours.get_layer(f"block{number}_conv").set_weights([kernel])
        norm = [weights[f"block{number}.norm.{k}"] for k in ("weight", "bias")]
        norm += [weights[f"block{number}.norm.running_{k}"] for k in ("mean", "var")]
        ours.get_layer(f"block{number}_norm").set_weights(norm)
    ours.get_layer("head").set_weights([weights["head.weight"].T, weights["head.bias"]])
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(IMAGES)).numpy()
    result = keras.ops.convert_to_numpy(ours(IMAGES.transpose(0, 2, 3, 1), training=False))
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_other_frameworks() -> None:
    with pytest.raises(ModelLoadError, match='framework is "torch" or "keras", not \'mxnet\''):
        small_cnn(3, "mxnet")


@pytest.mark.torch
def test_each_cell_looks_at_the_middle_of_its_part_of_the_image() -> None:
    import torch

    model = small_cnn(10).eval()
    features = model[:5]  # up to the last feature map, (1, 64, 14, 14)
    with torch.no_grad():
        for name, weights in features.named_parameters():
            weights.fill_(1.0 if name.endswith("weight") else 0.0)  # every path counts
    image = torch.ones(1, 3, 112, 112, requires_grad=True)
    for row, column in ((5, 7), (8, 4)):
        (seen,) = torch.autograd.grad(features(image)[0, 0, row, column], image)
        ys, xs = torch.nonzero(seen[0, 0], as_tuple=True)
        assert (ys.min() + ys.max() + 1) / 2 == 8 * (row + 0.5)
        assert (xs.min() + xs.max() + 1) / 2 == 8 * (column + 0.5)
        assert ys.max() - ys.min() + 1 == 54
