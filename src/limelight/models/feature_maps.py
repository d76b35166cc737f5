"""Where a PyTorch classification network has its last feature map, as a module of its own.

Three ways: the network's children up to its pooling, one after the other; timm's
`forward_features`; its graph, as torch.fx traces it. The first keeps all modules, the last follows
what is done between them (DenseNet's last ReLU, the branches of an Inception). None is believed
before it is compared with what the network itself computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

_SIDE = 224
_FAILS = (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError, AssertionError)


def last_features(model: nn.Module) -> tuple[nn.Module, int] | None:
    """The part of `model` from images to its last (N, C, h, w), and C; None where there is none.

    Modules and weights are used, not copied. Of the ways that work, the first whose pooled map is
    what the network's head receives; else, where the head is of another kind, the first.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, _SIDE, _SIDE, generator=generator)
    image = image.to(next(model.parameters()).device)
    found: list[tuple[nn.Module, int]] = []
    with _evaluated(model):
        received = _received(model, image)
        for way in (_children, _timm, _traced):
            features = way(model, image)
            if features is None or not _is_map(maps := _run(features, image)):
                continue
            if any(_is_head_input(each, maps) for each in received):
                return features, int(maps.shape[1])
            found.append((features, int(maps.shape[1])))
    return found[0] if found else None


@contextmanager
def _evaluated(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _run(module: Callable[[Tensor], Any], image: Tensor) -> Any:
    """What `module` makes of the image; None where it does not run on it."""
    with torch.no_grad():
        try:
            return module(image)
        except _FAILS:
            return None


def _is_map(maps: Any) -> bool:
    return isinstance(maps, Tensor) and maps.ndim == 4 and min(maps.shape[2:]) > 1


def _received(model: nn.Module, image: Tensor) -> list[Tensor]:
    """What each linear layer and convolution takes in."""
    inputs: list[Tensor] = []
    handles = [
        module.register_forward_pre_hook(lambda _module, given: inputs.append(given[0]))
        for module in model.modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    try:
        _run(model, image)
    finally:
        for handle in handles:
            handle.remove()
    return inputs


def _is_head_input(received: Tensor, maps: Tensor) -> bool:
    """Whether a layer receives the map itself (a convolution as head), or its mean."""
    wanted = maps if received.ndim == 4 else maps.mean((2, 3))
    return received.shape == wanted.shape and torch.allclose(received, wanted, 1e-3, 1e-4)


# --- the three ways -----------------------------------------------------------------------------


def _children(model: nn.Module, image: Tensor) -> nn.Module | None:
    """`model.features`, or the children before the global pooling, where they are a plain chain."""
    inner = getattr(model, "features", None)
    if isinstance(inner, nn.Module):
        if isinstance(inner, nn.Sequential) and isinstance(inner[-1], nn.MaxPool2d):
            return inner[:-1]  # as Zhou 2016: VGG's map before its last pooling is twice as fine
        return inner
    chain = nn.Sequential()
    for name, child in model.named_children():
        if isinstance(child, nn.Linear) or (len(chain) and _pools_globally(child)):
            break
        chain.add_module(name, child)
    if not len(chain):
        return None
    outputs: list[Any] = []
    handle = chain[-1].register_forward_hook(lambda _module, _given, out: outputs.append(out))
    try:
        _run(model, image)
        own = outputs[-1] if outputs else None
        chained = _run(chain, image)
    finally:
        handle.remove()
    same = isinstance(own, Tensor) and isinstance(chained, Tensor) and own.shape == chained.shape
    return chain if same and torch.allclose(own, chained, 1e-3, 1e-4) else None


def _pools_globally(module: nn.Module) -> bool:
    name = type(module).__name__.lower()  # timm has classes of its own
    return "pool" in name and not isinstance(module, nn.MaxPool2d | nn.AvgPool2d)


class TimmFeatures(nn.Module):
    """A timm model up to its `forward_features`, as (N, C, h, w)."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        """The last feature map; Swin and its kin keep channels last."""
        maps = self.backbone.forward_features(images)
        channels = self.backbone.num_features
        last = maps.ndim == 4 and maps.shape[3] == channels != maps.shape[1]
        return maps.permute(0, 3, 1, 2) if last else maps


def _timm(model: nn.Module, image: Tensor) -> nn.Module | None:
    if not (hasattr(model, "forward_features") and hasattr(model, "num_features")):
        return None
    return TimmFeatures(model)


def _traced(model: nn.Module, image: Tensor) -> nn.Module | None:
    try:
        traced = fx.symbolic_trace(model)
        with torch.no_grad():
            ShapeProp(traced).propagate(image)
    except (*_FAILS, fx.proxy.TraceError):
        return None
    last = _last_map(traced)
    if last is None:
        return None
    next(node for node in traced.graph.nodes if node.op == "output").args = (last,)
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _last_map(traced: fx.GraphModule) -> fx.Node | None:
    """The last (N, C, h, w) before global pooling and before the child with the last weights."""
    modules = dict(traced.named_modules())

    def has_weights(node: fx.Node) -> bool:
        return node.op == "call_module" and any(True for _ in modules[node.target].parameters())

    weighted = [node for node in traced.graph.nodes if has_weights(node)]
    found = None
    for node in traced.graph.nodes:
        if weighted and _child(node) == _child(weighted[-1]):
            break
        shape = tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))
        pools = "adaptive" in str(node.target) or (
            node.op == "call_module" and _pools_globally(modules[node.target])
        )
        if len(shape) == 4 and min(shape[2:]) > 1 and node.op != "placeholder" and not pools:
            found = node
        elif len(shape) == 3 and has_weights(node):
            found = None  # tokens: what came before was a patch embedding
    return found


def _child(node: fx.Node) -> str:
    """The model's own child that a node belongs to; empty for what its `forward` does itself."""
    inside = [str(path) for path in node.meta.get("nn_module_stack", {})]
    if node.op == "call_module":
        inside.append(str(node.target))
    return next((path.partition(".")[0] for path in inside if path), "")
