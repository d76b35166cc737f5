"""The same model, image and formula elsewhere: grad-cam 1.5.7, torchcam 0.5.0, captum 0.9.0.

Under `compat` each map is theirs to 1e-5 of its maximum. Where they deviate from the paper, our own
map is another, which is shown too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from oracles.libraries import (
    difference,
    of_grad_cam,
    of_torchcam,
    ours,
    resnet,
    scaled_as_grad_cam,
    scaled_as_torchcam,
)

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")
torchcam = pytest.importorskip("torchcam.methods")

pytestmark = pytest.mark.torch
SIDE = 96
SIZE = (SIDE, SIDE)

GRAD_CAM = {
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMPlusPlus",
    "xgradcam": "XGradCAM",
    "hirescam": "HiResCAM",
    "gradcam-elementwise": "GradCAMElementWise",
    "layercam": "LayerCAM",
    "eigencam": "EigenCAM",
    "eigengradcam": "EigenGradCAM",
    "segeigencam": "SegEigenCAM",
    "kpcacam": "KPCA_CAM",
    "fem": "FEM",
}
TORCHCAM = {
    "cam": "CAM",
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMpp",
    "xgradcam": "XGradCAM",
    "layercam": "LayerCAM",
}
DEVIATING = {
    "pytorch-grad-cam": {"gradcam++", "eigencam", "eigengradcam", "segeigencam", "kpcacam", "fem"},
    "torchcam": {"gradcam++"},
}
ARBITRARY_SIGN = {"eigencam", "eigengradcam", "kpcacam"}


@pytest.fixture(scope="module")
def model() -> Any:
    return resnet()


@pytest.fixture(scope="module")
def images() -> Any:
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def classes(model: Any, images: Any) -> list[int]:
    """Each image's own, for which every method's map is somewhere positive."""
    with torch.no_grad():
        return model(images).argmax(1).tolist()


@pytest.mark.parametrize("layer", ["layer3", "layer4"])
@pytest.mark.parametrize("name", GRAD_CAM)
def test_grad_cam(model: Any, images: Any, name: str, layer: str) -> None:
    found = classes(model, images)
    expected = of_grad_cam(model, images, GRAD_CAM[name], [getattr(model, layer)], found)

    def distance(**options: Any) -> float:
        maps = ours(model, images, name, layer, found, **options)
        signs = (1, -1) if name in ARBITRARY_SIGN else (1,)
        turned = [scaled_as_grad_cam(sign * maps, SIZE) for sign in signs]
        return max(  # each image may have another sign
            min(difference(each[i : i + 1], expected[i : i + 1]) for each in turned)
            for i in range(len(images))
        )

    assert distance(compat="pytorch-grad-cam") < 1e-5
    # Their epsilon in Grad-CAM++ is small beside the gradients of this model.
    least = 1e-4 if name == "gradcam++" else 1e-2
    assert (distance() > least) == (name in DEVIATING["pytorch-grad-cam"])


@pytest.mark.parametrize("layer", ["layer3", "layer4"])
@pytest.mark.parametrize("name", TORCHCAM)
def test_torchcam(model: Any, images: Any, name: str, layer: str) -> None:
    if name == "cam" and layer == "layer3":
        pytest.skip("CAM is of the last layer only")
    chosen = classes(model, images)
    extra = {"fc_layer": "fc"} if name == "cam" else {}
    expected = of_torchcam(model, images, TORCHCAM[name], layer, chosen, **extra)
    found = ours(model, images, name, layer, chosen, compat="torchcam")
    assert difference(scaled_as_torchcam(found), expected) < 1e-5
    own = difference(scaled_as_torchcam(ours(model, images, name, layer, chosen)), expected)
    assert (own > 1e-2) == (name in DEVIATING["torchcam"])


def test_smooth_gradcam_plus_plus_of_torchcam_on_the_same_noise(model: Any, images: Any) -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, (4, *images.shape[1:])).astype(np.float32)
    cam = torchcam.SmoothGradCAMpp(model, "layer3", num_samples=4, std=0.3)
    samples = iter(noise)

    class Same:
        def sample(self, size: Any) -> Any:
            return torch.as_tensor(next(samples)).expand(size)

    cam._distrib = Same()
    with cam:
        expected = cam(classes(model, images), model(images))[0].detach().numpy()
    chosen = classes(model, images)
    found = ours(model, images, "smoothgradcam++", "layer3", chosen, compat="torchcam")
    assert difference(scaled_as_torchcam(found), expected) < 1e-5
    own = scaled_as_torchcam(ours(model, images, "smoothgradcam++", "layer3", chosen))
    assert difference(own, expected) > 1e-2


def test_finercam_of_torchcam(model: Any, images: Any) -> None:
    chosen = classes(model, images)
    options: Any = {"base_method": torchcam.GradCAM, "gamma": 0.6}
    expected = of_torchcam(model, images, "FinerCAM", "layer4", chosen, **options)
    found = ours(model, images, "finercam", "layer4", chosen)
    assert difference(scaled_as_torchcam(found), expected) < 1e-5
    plain = scaled_as_torchcam(ours(model, images, "gradcam", "layer4", chosen))
    assert difference(plain, expected) > 1e-2


def test_finercam_of_grad_cam(model: Any, images: Any) -> None:
    """Theirs weighs the similar classes by their probabilities, and takes all of their scores off.

    Of one similar class the weight cancels, and the two are the same.
    """
    from pytorch_grad_cam.utils.model_targets import FinerWeightedTarget

    def theirs(**options: Any) -> np.ndarray:
        with pytorch_grad_cam.FinerCAM(model, [model.layer4]) as cam:
            return cam(images, **options)

    def mine(**options: Any) -> np.ndarray:
        found = ours(model, images, "finercam", "layer4", classes(model, images), options=options)
        return scaled_as_grad_cam(found, SIZE)

    def weighted(output: Any) -> Any:
        found = []
        for scores in output:
            nearest = (scores - scores.max()).abs().argsort()[:4].tolist()
            found.append(FinerWeightedTarget(nearest[0], nearest[1:], 1)(scores))
        return torch.stack(found)

    assert difference(mine(gamma=0.8, similar=1), theirs(alpha=0.8, comparison_categories=[1])) < (
        1e-5
    )
    assert difference(mine(gamma=1.0), theirs()) > 1e-3
    found = limelight.explain(model, images, "gradcam", target=weighted, layer="layer4").numpy()
    assert difference(scaled_as_grad_cam(found, SIZE), theirs()) < 1e-5


def test_shapleycam_of_grad_cam(model: Any, images: Any) -> None:
    """Theirs explains what it is given; here the logit plus its log-probability."""

    class Rest:
        def __init__(self, category: int) -> None:
            self.category = category

        def __call__(self, output: Any) -> Any:
            return output[self.category] + torch.log_softmax(output, -1)[self.category]

    with pytorch_grad_cam.ShapleyCAM(model=model, target_layers=[model.layer3]) as cam:
        expected = cam(images, [Rest(c) for c in classes(model, images)])
    chosen = classes(model, images)
    found = ours(model, images, "shapleycam", "layer3", chosen)
    assert difference(scaled_as_grad_cam(found, SIZE), expected) < 1e-5
    plain = ours(model, images, "gradcam", "layer3", chosen, score="rest")
    assert difference(scaled_as_grad_cam(plain, SIZE), expected) > 1e-3


@pytest.mark.parametrize("sign", [1, -1], ids=["for", "against"])
def test_captum_has_no_relu(model: Any, images: Any, sign: int) -> None:
    captum = pytest.importorskip("captum.attr")
    layered = captum.LayerGradCam(lambda x: sign * model(x), model.layer3)
    raw = layered.attribute(images, target=classes(model, images)).detach().numpy()[:, 0]
    chosen = classes(model, images)
    found = ours(model, images, "gradcam", "layer3", chosen, negative=sign < 0)
    size = np.abs(raw).max()
    np.testing.assert_allclose(found, np.maximum(raw, 0), atol=1e-5 * size)
    assert (raw.min() < -1e-2 * size) == (sign < 0)  # theirs cuts nothing


def test_captum_guided_gradcam(images: Any) -> None:
    """On a model whose ReLUs are modules of their own, which captum needs."""
    captum = pytest.importorskip("captum.attr")
    from oracles import networks

    model = networks.torch_model()
    small = torch.as_tensor(networks.images(2))
    guided = captum.GuidedGradCam(model, model.conv3)
    with pytest.warns(UserWarning, match="backward hooks"):
        expected = (
            guided.attribute(small.clone().requires_grad_(), target=1, interpolate_mode="bilinear")
            .detach()
            .numpy()
        )
    found = limelight.explain(model, small, "guidedgradcam", target=1, layer="conv3").numpy()
    size = np.abs(expected.sum(1)).max()
    assert size > 0
    np.testing.assert_allclose(found, expected.sum(1), atol=1e-5 * size)


def test_the_libraries_are_named_where_another_is_asked_for(model: Any, images: Any) -> None:
    with pytest.raises(limelight.errors.MethodError, match=r"'pytorch-grad-cam' or 'torchcam'"):
        limelight.explain(model, images, compat="captum")
