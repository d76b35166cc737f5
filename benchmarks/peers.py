"""Ours and three other libraries on PyTorch, each called as its documentation does.

pytorch-grad-cam 1.5.7, torchcam 0.5.0 and captum 0.9.0, on one model and one batch. What comes
back is what each returns: pytorch-grad-cam's maps are scaled to 0..1 and have the images' size,
torchcam's are scaled and have the layer's size, captum's and ours are raw and of the layer's size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PACKAGES = ("torch", "torchvision", "grad-cam", "torchcam", "captum", "numpy")
OURS = "limelight"

#: By method: its class in each library that has it.
CLASSES: dict[str, dict[str, str]] = {
    "gradcam": {
        "pytorch-grad-cam": "GradCAM", "torchcam": "GradCAM", "captum": "LayerGradCam"
    },
    "gradcam++": {"pytorch-grad-cam": "GradCAMPlusPlus", "torchcam": "GradCAMpp"},
    "xgradcam": {"pytorch-grad-cam": "XGradCAM", "torchcam": "XGradCAM"},
    "hirescam": {"pytorch-grad-cam": "HiResCAM"},
    "gradcam-elementwise": {"pytorch-grad-cam": "GradCAMElementWise"},
    "layercam": {"pytorch-grad-cam": "LayerCAM", "torchcam": "LayerCAM"},
    "cam": {"torchcam": "CAM"},
    "eigencam": {"pytorch-grad-cam": "EigenCAM"},
    "eigengradcam": {"pytorch-grad-cam": "EigenGradCAM"},
    "kpcacam": {"pytorch-grad-cam": "KPCA_CAM"},
    "fem": {"pytorch-grad-cam": "FEM"},
    "smoothgradcam++": {"torchcam": "SmoothGradCAMpp"},
    "finercam": {"pytorch-grad-cam": "FinerCAM", "torchcam": "FinerCAM"},
    "refinecam": {"pytorch-grad-cam": "RefineCAM", "torchcam": "RefineCAM"},
    "shapleycam": {"pytorch-grad-cam": "ShapleyCAM"},
    "fullgrad": {"pytorch-grad-cam": "FullGrad"},
    "guidedgradcam": {"captum": "GuidedGradCam"},
    "ablationcam": {"pytorch-grad-cam": "AblationCAM"},
    "scorecam": {"pytorch-grad-cam": "ScoreCAM", "torchcam": "ScoreCAM"},
}  # fmt: skip


def network(name: str) -> Any:
    """A network of torchvision with random weights, which take the same time as trained ones."""
    import torch
    import torch_libraries
    from measuring import THREADS

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    return getattr(torch_libraries.torchvision.models, name)().eval()


def forward(model: Any, images: Any) -> Callable[[], Any]:
    """The plain pass: `inference_mode`, nothing captured."""
    import torch

    def run() -> Any:
        with torch.inference_mode():
            return model(images)

    return run


def ways(
    model: Any, images: Any, method: str, layers: list[str], classes: list[int]
) -> dict[str, Callable[[], Any]]:
    """By library: the maps of `method` at `layers`, of one class for each image."""
    make = {"pytorch-grad-cam": of_grad_cam, "torchcam": of_torchcam, "captum": of_captum}
    return {OURS: ours(model, images, method, layers, classes)} | {
        library: make[library](model, images, name, layers, classes)
        for library, name in CLASSES.get(method, {}).items()
    }


def ours(
    model: Any, images: Any, method: str, layers: list[str], classes: list[int], **given: Any
) -> Callable[[], Any]:
    """One `Explainer`, called again and again."""
    import limelight

    layer = layers if len(layers) > 1 else layers[0]
    explainer = limelight.Explainer(model, method, layer, **given)
    return lambda: explainer(images, target=classes)


def of_grad_cam(
    model: Any, images: Any, name: str, layers: list[str], classes: list[int]
) -> Callable[[], Any]:
    """The class `name` of pytorch-grad-cam."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    modules = [model.get_submodule(layer) for layer in layers]
    # FinerCAM makes its own targets where none is given, and only then.
    targets = None if name == "FinerCAM" else [ClassifierOutputTarget(c) for c in classes]

    def run() -> Any:
        # Not in a `with`, which RefineCAM has not: its hooks stay until the object is gone.
        cam = getattr(pytorch_grad_cam, name)(model=model, target_layers=modules)
        found = cam(images, targets)
        del cam
        return found

    return run


def of_torchcam(
    model: Any, images: Any, name: str, layers: list[str], classes: list[int]
) -> Callable[[], Any]:
    """The class `name` of torchcam; of several layers, a list of maps or a fused one."""
    import torchcam.methods

    def run() -> Any:
        with getattr(torchcam.methods, name)(model, layers) as cam:
            return cam(classes, model(images))

    return run


def of_captum(
    model: Any, images: Any, name: str, layers: list[str], classes: list[int]
) -> Callable[[], Any]:
    """The class `name` of captum, at the last of the layers."""
    import captum.attr

    def run() -> Any:
        method = getattr(captum.attr, name)(model, model.get_submodule(layers[-1]))
        return method.attribute(images, target=classes)

    return run
