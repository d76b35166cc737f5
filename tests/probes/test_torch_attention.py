"""Attention as it is captured, against what hooks, finite differences and the authors say."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from limelight import Explainer, explain  # noqa: E402
from limelight.errors import LimelightError, LimelightWarning, MethodError  # noqa: E402
from limelight.methods import list_methods  # noqa: E402
from limelight.probes import Request, probe_for  # noqa: E402
from limelight.probes.base import Attention, Capture  # noqa: E402
from limelight.probes.torch_attention import ExplicitAttention  # noqa: E402
from limelight.scores import Score  # noqa: E402
from oracles import networks  # noqa: E402
from oracles.subjects import state  # noqa: E402
from oracles.vision_transformers import (  # noqa: E402
    CLASSES,
    KINDS,
    VisionTransformer,
    build,
    scores_of,
    shared,
)

METHODS = [method for method in list_methods() if method.of_attention]
NAMES = [method.name for method in METHODS]
EVERYTHING = frozenset({"attention", "attention_gradients", "block_gradients"})


@pytest.fixture(params=KINDS)
def vit(request: pytest.FixtureRequest) -> VisionTransformer:
    """Shared, so leave it as you found it."""
    return shared(request.param)


def capture(
    model: nn.Module,
    images: Tensor,
    index: Any,
    wanted: frozenset[str] = EVERYTHING,
    **options: Any,
) -> tuple[Capture, Attention]:
    options = {"layers": (), "gradients": False, "scores": (Score(),), **options}
    found = probe_for(model).capture(images, Request(attention=wanted, **options), index)
    assert found.attention is not None
    return found, found.attention


def close(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Equal to `tolerance` of the largest value."""
    found, expected = (np.asarray(each) for each in (found, expected))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@contextmanager
def seeing(modules: list[nn.Module]) -> Iterator[list[Tensor]]:
    """What the modules return while this is entered."""
    seen: list[Tensor] = []
    handles = [
        module.register_forward_hook(lambda module, args, output: seen.append(output.detach()))
        for module in modules
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def attention_by_hand(vit: VisionTransformer, images: Tensor) -> list[np.ndarray]:
    """softmax(q kᵀ / √d) in float64, of the queries and keys that hooks see in a plain run."""
    blocks = list(vit.blocks(vit.model))
    with seeing([m for block in blocks for m in vit.queries_and_keys(block)]) as seen:
        vit.scores(images)
    each = len(seen) // len(blocks)
    found = []
    for i, block in enumerate(blocks):
        given = [tensor.double() for tensor in seen[i * each : (i + 1) * each]]
        heads = 2
        if hasattr(block, "self_attention"):  # torchvision: of the normalized tokens
            part = block.self_attention
            packed = part.in_proj_weight.detach().double(), part.in_proj_bias.detach().double()
            given = list((given[0] @ packed[0].T + packed[1]).chunk(3, -1)[:2])
        elif len(given) == 1:  # timm: queries, keys and values side by side
            heads = block.attn.num_heads
            given = list(given[0].chunk(3, -1)[:2])
        q, k = (t.reshape(*t.shape[:2], heads, -1).transpose(1, 2).numpy() for t in given)
        raw = np.einsum("nhid,nhjd->nhij", q, k) / np.sqrt(q.shape[-1])
        raw = np.exp(raw - raw.max(-1, keepdims=True))
        found.append(raw / raw.sum(-1, keepdims=True))
    return found


def test_attention_is_the_softmax_of_queries_and_keys(vit: VisionTransformer) -> None:
    images = vit.images(2)
    _, attention = capture(vit.model, images, None, top=1)
    expected = attention_by_hand(vit, images)
    size = vit.start + vit.grid[0] * vit.grid[1]
    assert len(attention.maps) == len(expected)
    for found, each in zip(attention.maps, expected, strict=True):
        assert found.shape[2:] == (size, size) and found.dtype == torch.float32
        assert np.ptp(each) > 0.05  # far from uniform, so that the comparison says something
        close(found, each)
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)


def test_the_explicit_path_gives_the_logits_of_the_fused(vit: VisionTransformer) -> None:
    images = vit.images(2)
    expected = vit.scores(images)
    for wanted in (frozenset({"attention"}), EVERYTHING):
        found, _ = capture(vit.model, images, None, wanted, top=1)
        close(found.scores, expected)


def test_tokens_are_those_that_the_authors_name(vit: VisionTransformer) -> None:
    _, attention = capture(vit.model, vit.images(1), None, top=1)
    tokens = attention.tokens
    assert (tokens.grid, tokens.start, tokens.read) == (vit.grid, vit.start, vit.read)
    names = {module: name for name, module in vit.model.named_modules()}
    first, *_, last = (names[block] for block in [vit.blocks(vit.model)[0], *vit.blocks(vit.model)])
    assert attention.name == (f"{first} to {last}" if first != last else "blocks")


@contextmanager
def nudged(number: int, place: tuple[int, ...], by: float) -> Iterator[None]:
    """The `number`-th attention with `by` added at one place."""
    count = 0

    def take(weights: Tensor) -> Tensor:
        nonlocal count
        count += 1
        if count - 1 != number:
            return weights
        weights = weights.clone()
        weights[place] += by
        return weights

    with ExplicitAttention(take):
        yield


def places(vit: VisionTransformer, attention: Attention) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Of each block, where its gradient is largest and one place more."""
    random = np.random.default_rng(1)
    for number, gradient in enumerate(attention.block_gradients or ()):
        shape = gradient[:, 0].shape
        largest = np.unravel_index(int(gradient[:, 0].abs().argmax()), shape)
        yield number, tuple(map(int, largest))
        yield number, tuple(int(random.integers(length)) for length in shape)


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "transformers, eager"])
def test_gradients_are_central_differences(kind: str, score: str) -> None:
    """Of the whole model, and of each block's own score through the authors' norm and head.

    Not of the eager ViT of transformers, whose softmax is in single precision always.
    """
    vit = shared(kind)
    model, images, index = vit.in_double(), vit.images(2).double(), [3, 1]
    _, attention = capture(model, images, np.array(index)[:, None], scores=(Score(score),))

    def score_of(logits: Tensor, image: int) -> float:
        values = logits.softmax(-1) if score == "probability" else logits
        return float(values[image, index[image]])

    def run(number: int, place: tuple[int, ...], by: float) -> tuple[float, float]:
        with torch.no_grad(), seeing(list(vit.blocks(model))) as seen, nudged(number, place, by):
            output = scores_of(model(images))
            own = vit.tail(model, seen[number])
        return score_of(output, place[0]), score_of(own, place[0])

    step = 1e-5
    assert attention.gradients is not None and attention.block_gradients is not None
    for number, place in places(vit, attention):
        high, low = run(number, place, step), run(number, place, -step)
        whole, own = ((up - down) / (2 * step) for up, down in zip(high, low, strict=True))
        at = (place[0], 0, *place[1:])
        for found, expected in (
            (attention.gradients[number], whole),
            (attention.block_gradients[number], own),
        ):
            size = float(found.abs().max())
            assert size > 1e-6
            assert float(found[at]) == pytest.approx(expected, abs=1e-5 * size)


@pytest.mark.parametrize("kind", ["timm, explicit", "transformers, eager"])
def test_gradients_are_those_of_the_models_own_explicit_path(kind: str) -> None:
    """Autograd by hand, at the tensors that the models themselves multiply the values with."""
    vit = shared(kind)
    kept: list[Tensor] = []
    if kind.startswith("timm"):
        modules = [block.attn.attn_drop for block in vit.blocks(vit.model)]
    else:
        modules = [block.attention for block in vit.blocks(vit.model)]

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        kept.append(output if isinstance(output, Tensor) else output[1])

    handles = [module.register_forward_hook(keep) for module in modules]
    output = scores_of(vit.model(vit.images(2)))
    for handle in handles:
        handle.remove()
    expected = torch.autograd.grad(output[0, 2] + output[1, 4], kept)
    _, attention = capture(vit.model, vit.images(2), np.array([[2], [4]]))
    for found, each in zip(attention.gradients or (), expected, strict=True):
        close(found[:, 0], each)


def published(vit: VisionTransformer, attention: Attention, name: str, k: int) -> np.ndarray:
    """The published formulas in float64 matrices, for class k of what was captured."""
    a = [each.numpy().astype(float) for each in attention.maps]
    images, heads, size, _ = a[0].shape
    eye = np.eye(size)
    total = np.broadcast_to(eye, (images, size, size))
    if name == "legrad":
        g = [each.numpy()[:, k].astype(float) for each in attention.block_gradients or ()]
        sums = sum(np.clip(each, 0, None).sum((1, 2)) / (heads * size) for each in g)
        rows = np.asarray(sums)[:, None]
    else:
        g = [each.numpy()[:, k].astype(float) for each in attention.gradients or ()]
        for one, gradient in zip(a, g, strict=True):
            if name == "rollout":
                total = 0.5 * (one.mean(1) + eye) @ total
            else:
                total = total + np.clip(one * gradient, 0, None).mean(1) @ total
        if name != "rollout":
            total = total - eye
        rows = total[:, list(vit.read)] if vit.read else total[:, vit.start :]
    return rows.mean(1)[:, vit.start :].reshape(images, *vit.grid)


def test_maps_are_the_published_formulas(vit: VisionTransformer) -> None:
    images, index = vit.images(2), np.array([[2, 0], [4, 1]])
    _, attention = capture(vit.model, images, index)
    found = explain(vit.model, images, NAMES, target=index)
    for name, maps in found.items():
        for k in range(2):
            expected = published(vit, attention, name, k)
            assert np.ptp(expected) > 0 and maps.layer == attention.name
            close(maps.values[:, k], expected)


def test_a_batch_is_its_images(vit: VisionTransformer) -> None:
    images = vit.images(3)
    explainer = Explainer(vit.model, NAMES)
    whole, permuted = explainer(images), explainer(images[[2, 0, 1]])
    singles = [explainer(images[i : i + 1]) for i in range(3)]
    for name, maps in whole.items():
        close(permuted[name].values, maps.values[[2, 0, 1]], 2e-5)
        close(torch.cat([each[name].values for each in singles]), maps.values, 2e-5)


def test_a_list_gives_what_each_method_gives_alone(vit: VisionTransformer) -> None:
    """Also beside a method at a layer, before or behind the place where blocks are stacked."""
    images = vit.images(2)
    blocks = vit.blocks(vit.model)
    paths = [name for name, module in vit.model.named_modules() if "Norm" in type(module).__name__]
    names = {module: name for name, module in vit.model.named_modules()}
    inside = next(path for path in paths if path.startswith(names[blocks[-1]]))
    stack = names[blocks[0]].rpartition(".")[0]
    behind = (path for path in paths if not path.startswith(stack) and path != "fc_norm")
    layers = list(dict.fromkeys([inside, names[blocks[-1]], next(behind, inside)]))
    together = explain(vit.model, images, [*NAMES, "layercam", "fem"], layer=layers)
    for name in NAMES:
        alone = explain(vit.model, images, name)
        for layer in layers:
            close(together[name][layer].values, alone.values)
    for layer in layers:
        alone = explain(vit.model, images, ["layercam", "fem"], layer=layer)
        assert float(alone["fem"].values.abs().max()) > 0
        for name, maps in alone.items():  # LayerCAM is zero where nobody reads the patches
            if float(maps.values.abs().max()) > 0:
                close(together[name][layer].values, maps.values)
            else:
                assert float(together[name][layer].values.abs().max()) == 0


@pytest.mark.parametrize("kind", ["torchvision", "timm", "transformers"])
def test_k_classes_scores_and_signs(kind: str) -> None:
    vit = shared(kind)
    images = vit.images(2)
    many = explain(vit.model, images, NAMES, target=[[0, 3, 1]])
    for k, target in enumerate((0, 3, 1)):
        for name, maps in explain(vit.model, images, NAMES, target=target).items():
            close(many[name].values[:, k], maps.values)
    for options in ({"negative": True}, {"score": "probability"}):
        changed = explain(vit.model, images, NAMES, target=0, **options)
        for method in METHODS:
            same = np.allclose(changed[method.name].values, many[method.name].values[:, 0])
            assert same == method.class_blind, (options, method.name)


def test_a_callable_target(vit: VisionTransformer) -> None:
    """One that reads a class's logit gives that class's map; of objects, not for LeGrad."""
    images = vit.images(2)
    plain = isinstance(vit.model(images), Tensor)
    for name in NAMES:
        expected = explain(vit.model, images, name, target=2)
        if name == "legrad" and not plain and len(vit.blocks(vit.model)) > 1:
            with pytest.raises(MethodError, match="one tensor of class scores"):
                explain(vit.model, images, name, target=lambda output: scores_of(output)[:, 2])
            continue
        found = explain(vit.model, images, name, target=lambda output: scores_of(output)[:, 2])
        close(found.values, expected.values)


def test_randomizing_the_head_changes_what_speaks_of_a_class(vit: VisionTransformer) -> None:
    images = vit.images(2)
    changed = copy.deepcopy(vit.model)
    with torch.no_grad():
        changed.get_submodule(vit.head).weight.normal_(0, 1)
    before = explain(vit.model, images, NAMES, target=2)
    after = explain(changed, images, NAMES, target=2)
    for method in METHODS:
        maps = [each[method.name].normalized().reshape(2, -1) for each in (before, after)]
        if method.class_blind:
            assert torch.equal(*maps)
        else:
            assert float((maps[0] - maps[1]).abs().max(-1).values.min()) > 0.05


def modes() -> int:
    return torch._C._len_torch_function_stack()


def test_the_model_is_left_as_it_was(vit: VisionTransformer) -> None:
    vit.model.train()
    try:
        before, fused, flags = state(vit.model, "torch"), F.scaled_dot_product_attention, modes()
        explain(vit.model, vit.images(2), [*NAMES, "gradcam"])
        assert state(vit.model, "torch") == before
        assert F.scaled_dot_product_attention is fused and modes() == flags
    finally:
        vit.model.eval()


@pytest.mark.parametrize("at", ["first block", "last block", "target"])
@pytest.mark.parametrize("kind", ["torchvision", "timm", "transformers"])
def test_the_model_is_left_as_it_was_after_an_exception(kind: str, at: str) -> None:
    class Stop(Exception):
        pass

    def stop(*args: Any) -> None:
        raise Stop

    vit = build(kind)
    # LeGrad asks nothing of a target that reads an object.
    explainer = Explainer(vit.model, [n for n in NAMES if n != "legrad" or at != "target"])
    explainer(vit.images(1))
    before, flags = state(vit.model, "torch"), modes()
    if at == "target":
        with pytest.raises(Stop):
            explainer(vit.images(2), target=stop)
    else:
        block = vit.blocks(vit.model)[0 if at == "first block" else -1]
        handle = block.register_forward_hook(stop)
        with pytest.raises(Stop):
            explainer(vit.images(2))
        handle.remove()
    assert state(vit.model, "torch") == before
    assert modes() == flags and torch.is_grad_enabled()


@pytest.mark.parametrize("kind", ["torchvision", "timm", "transformers"])
def test_another_thread_runs_the_model_as_it_is(kind: str) -> None:
    """In the middle of the run, inside the last block."""
    vit = build(kind)
    images = vit.images(2)
    expected, plain = explain(vit.model, images, NAMES), vit.scores(images)
    elsewhere: list[Tensor] = []

    def run(*args: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            thread = threading.Thread(target=lambda: elsewhere.append(vit.scores(images)))
            thread.start()
            thread.join()

    handle = vit.blocks(vit.model)[-1].register_forward_hook(run)
    found = explain(vit.model, images, NAMES)
    handle.remove()
    assert elsewhere and all(torch.equal(each, plain) for each in elsewhere)
    for name in NAMES:
        assert torch.equal(found[name].values, expected[name].values)


def test_two_threads_explain_the_same_model() -> None:
    """Both are in the middle of their run at the same time."""
    vit = build("timm")
    expected = {count: explain(vit.model, vit.images(count), NAMES) for count in (1, 3)}
    meeting = threading.Barrier(2, timeout=30)
    found: dict[int, Any] = {}

    def meet(*args: Any) -> None:
        meeting.wait()

    handles = [block.register_forward_hook(meet) for block in vit.model.blocks]
    threads = [
        threading.Thread(
            target=lambda n=count: found.update({n: explain(vit.model, vit.images(n), NAMES)})
        )
        for count in expected
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for handle in handles:
        handle.remove()
    for count, by_name in expected.items():
        for name, maps in by_name.items():
            assert torch.equal(found[count][name].values, maps.values)


def test_a_layer_that_is_named_changes_nothing() -> None:
    """All blocks are explained; several layers give the same map, also where they are fused."""
    vit = shared("timm")
    expected = explain(vit.model, vit.images(2), NAMES)
    named = explain(vit.model, vit.images(2), NAMES, layer="blocks.1")
    fused = explain(vit.model, vit.images(2), NAMES, layer=["blocks.0", "blocks.1"], fuse="mean")
    for name, maps in expected.items():
        assert torch.equal(named[name].values, maps.values)
        assert named[name].layer == maps.layer == "blocks.0 to blocks.2"
        close(fused[name].values, maps.normalized())
    with pytest.raises(LimelightError, match=r"no layer 'blocks\.9'"):
        explain(vit.model, vit.images(2), NAMES, layer="blocks.9")


def test_everything_comes_from_one_forward_pass() -> None:
    """Beside the images that are looked at once to know the model."""
    vit = build("timm")
    count = 0

    def add(module: nn.Module, args: Any) -> None:
        nonlocal count
        count += len(args[0])

    names = [*NAMES, "gradcam", "hirescam"]
    explain(vit.model, vit.images(1), names)
    handle = vit.model.register_forward_pre_hook(add)
    explain(vit.model, vit.images(3), names, target="top3")
    handle.remove()
    assert count == 3


def test_that_there_is_no_attention_is_found_out_once() -> None:
    model = networks.torch_model()
    images, count = torch.as_tensor(networks.images(2)), 0

    def add(module: nn.Module, args: Any) -> None:
        nonlocal count
        count += len(args[0])

    handle = model.register_forward_pre_hook(add)
    for _ in range(3):
        for name in NAMES:
            with pytest.raises(MethodError, match="no layer"):
                explain(model, images, name)
    handle.remove()
    assert count == 1


def test_nothing_is_differentiated_for_rollout() -> None:
    vit = build("timm")
    explain(vit.model, vit.images(1), "rollout")
    seen: list[bool] = []
    handle = vit.model.norm.register_forward_hook(
        lambda module, args, output: seen.append(output.requires_grad or torch.is_grad_enabled())
    )
    explain(vit.model, vit.images(2), "rollout")
    handle.remove()
    assert seen == [False]
    assert all(parameter.grad is None for parameter in vit.model.parameters())


@pytest.mark.parametrize("around", ["no_grad", "inference_mode", "frozen"])
def test_the_surroundings_change_nothing(around: str) -> None:
    vit = build("timm")
    expected = explain(vit.model, vit.images(2), NAMES)
    if around == "frozen":
        vit.model.requires_grad_(False)
        found = explain(vit.model, vit.images(2), NAMES)
    else:
        again = build("timm")  # of which nothing is known yet
        with getattr(torch, around)():
            found = explain(again.model, vit.images(2), NAMES)
    for name in NAMES:
        assert torch.equal(found[name].values, expected[name].values)


def test_half_precision_is_near() -> None:
    vit = build("timm")
    expected = explain(vit.model, vit.images(2), NAMES, target=1)
    found = explain(vit.model.bfloat16(), vit.images(2), NAMES, target=1)
    for name in NAMES:
        assert found[name].values.dtype == torch.float32
        close(found[name].values, expected[name].values, 0.15)


@pytest.mark.parametrize("masked", ["no mask", "boolean", "added", "causal", "grouped", "scaled"])
def test_fused_attention_in_plain_operations(masked: str) -> None:
    """Every argument of `scaled_dot_product_attention`, against the fused kernel."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, 4, 5, 6, generator=generator)
    options: dict[str, Any] = {
        "no mask": {},
        "boolean": {"attn_mask": torch.rand(5, 5, generator=generator) > 0.3},
        "added": {"attn_mask": torch.randn(2, 1, 5, 5, generator=generator)},
        "causal": {"is_causal": True},
        "grouped": {"enable_gqa": True},
        "scaled": {"scale": 0.2},
    }[masked]
    if "attn_mask" in options and options["attn_mask"].dtype == torch.bool:
        options["attn_mask"].fill_diagonal_(True)
    if masked == "grouped":
        k, v = k[:, :2], v[:, :2]
    seen: list[Tensor] = []
    with ExplicitAttention(lambda weights: seen.append(weights) or weights):
        found = F.scaled_dot_product_attention(q, k, v, **options)
    close(found, F.scaled_dot_product_attention(q, k, v, **options), 1e-6)
    assert len(seen) == 1
    np.testing.assert_allclose(seen[0].sum(-1), 1, atol=1e-6)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("width", [8, 6])
@pytest.mark.parametrize("masked", ["no mask", "boolean", "added"])
@pytest.mark.parametrize("weights", ["none", "mean", "each"])
def test_multi_head_attention_in_plain_operations(
    batch_first: bool, width: int, masked: str, weights: str
) -> None:
    """Packed and separate projections, masks and returned weights, against PyTorch's own."""
    torch.manual_seed(0)
    module = nn.MultiheadAttention(
        8, 2, kdim=width, vdim=width, batch_first=batch_first, bias=width == 8
    ).eval()
    query, other = torch.randn(3, 5, 8), torch.randn(3, 5, width)
    key = query if width == 8 else other
    if not batch_first:
        query, key = query.transpose(0, 1), key.transpose(0, 1)
    mask = {
        "no mask": None,
        "boolean": torch.ones(5, 5, dtype=torch.bool).triu(2),
        "added": torch.randn(6, 5, 5),
    }[masked]
    options = {
        "attn_mask": mask,
        "need_weights": weights != "none",
        "average_attn_weights": weights == "mean",
    }
    seen: list[Tensor] = []
    with torch.no_grad():
        expected = module(query, key, key, **options)
        with ExplicitAttention(lambda each: seen.append(each) or each):
            found = module(query, key, key, **options)
    assert len(seen) == 1 and seen[0].shape == (3, 2, 5, 5)
    close(found[0], expected[0], 1e-5)
    assert (found[1] is None) == (expected[1] is None)
    if expected[1] is not None:
        close(found[1], expected[1], 1e-5)


@pytest.mark.parametrize("layer", ["blocks.0.norm2", "blocks.1.norm1"])
def test_second_derivatives_of_fused_attention(layer: str) -> None:
    """ShapleyCAM needs them; the same model with attention of its own in plain operations agrees."""
    maps = [
        explain(shared(kind).model, shared(kind).images(2), "shapleycam", layer=layer, target=2)
        for kind in ("timm", "timm, explicit")
    ]
    assert float(maps[0].values.abs().max()) > 0
    close(maps[0].values, maps[1].values)


class Parallel(nn.Module):
    """Two attentions side by side in each block."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.inner = timm.create_model(
            "vit_tiny_patch16_224", img_size=48, depth=2, embed_dim=24, num_classes=3,
            block_fn=timm.models.vision_transformer.ParallelThingsBlock,
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images)


class Reshaping(nn.Module):
    """Remembers how many images there were."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = build("timm, no class token").model
        self.inner.reset_classifier(0, "")
        self.head = nn.Linear(24 * 9, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.inner(images).reshape(len(images), -1))


def pyramid() -> nn.Module:
    """Where the first stages attend to fewer tokens than there are."""
    from timm.models.pvt_v2 import PyramidVisionTransformerV2

    return PyramidVisionTransformerV2(
        depths=(1, 1, 1, 2), embed_dims=(8, 8, 8, 8), num_heads=(1, 1, 2, 2),
        mlp_ratios=(1, 1, 1, 1), sr_ratios=(4, 2, 1, 1), num_classes=3,
    )  # fmt: skip


def two_softmaxes() -> nn.Module:
    """Differential attention: one map less another."""
    import timm
    from timm.models.vision_transformer import DiffParallelScalingBlock

    return timm.create_model(
        "vit_tiny_patch16_224", img_size=48, depth=2, embed_dim=24, num_heads=2, num_classes=3,
        block_fn=DiffParallelScalingBlock,
    )  # fmt: skip


def swin() -> nn.Module:
    from timm.models.swin_transformer import SwinTransformer

    return SwinTransformer(
        img_size=32, patch_size=2, window_size=4, embed_dim=8, depths=(1, 1), num_heads=(1, 2),
        num_classes=3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "side", "names", "said"),
    [
        (
            networks.torch_model, None, NAMES,
            r"needs the attention maps of a vision transformer, but no layer of this \w+ attends.*"
            "gradcam",
        ),
        (swin, 32, NAMES, "every patch .* SwinTransformer attends within windows.* gradcam"),
        (Parallel, 48, ["legrad"], "one attention each, in one stack.*transformer-attribution"),
        (Reshaping, 48, ["legrad"], "as one batch.* cannot take.*transformer-attribution"),
        (pyramid, 32, NAMES, "every patch .* PyramidVisionTransformerV2 attends.* gradcam"),
        (two_softmaxes, 48, NAMES, "a layer of this VisionTransformer runs several; gradcam"),
    ],
)  # fmt: skip
def test_what_has_no_such_attention_is_told_so(
    make: Any, side: int | None, names: list[str], said: str
) -> None:
    model = make().eval()
    images = torch.as_tensor(networks.images(1)) if side is None else torch.randn(1, 3, side, side)
    for name in names:
        with pytest.raises(MethodError, match=said):
            explain(model, images, name)
    others = [name for name in NAMES if name not in names]
    assert list(explain(model, images, others)) == others if others else True


@pytest.mark.parametrize(
    ("make", "layers", "left"),
    [
        (networks.torch_model, ["conv2", "relu3"], []),
        (lambda: shared("timm").model, ["blocks.0", "blocks.1"], NAMES),
        (lambda: shared("timm").model, None, NAMES),
        (
            Parallel,
            ["inner.blocks.0", "inner.blocks.1"],
            [name for name in NAMES if name != "legrad"],
        ),
    ],
    ids=["no attention", "blocks", "no layer", "side by side"],
)
def test_all_are_those_that_the_model_allows(
    make: Any, layers: list[str] | None, left: list[str]
) -> None:
    model = make().eval()
    side = (17, 13) if make is networks.torch_model else (48, 48 if make is Parallel else 64)
    images = torch.randn(1, 3, *side, generator=torch.Generator().manual_seed(0))
    with pytest.warns(LimelightWarning, match="left out"):
        found = explain(model, images, "all", layer=layers)
    assert [name for name in found if name in NAMES] == left
    for name in left:
        alone = explain(model, images, name)
        for each in [found[name]] if layers is None else found[name].values():
            close(each.values, alone.values)


@pytest.mark.keras
def test_keras_models_are_told_so() -> None:
    model = networks.keras_model()
    for name in NAMES:
        with pytest.raises(LimelightError, match=f"{name} runs on torch models only.*gradcam"):
            explain(model, networks.keras_images(1), name)


def test_there_are_as_many_classes_as_said() -> None:
    """The oracle's tail gives the model's own scores from the last block's tokens."""
    for kind in KINDS:
        vit = shared(kind)
        with seeing(list(vit.blocks(vit.model))) as seen:
            expected = vit.scores(vit.images(2))
        with torch.no_grad():
            found = vit.tail(vit.model, seen[-1])
        assert found.shape == (2, CLASSES)
        close(found, expected)
