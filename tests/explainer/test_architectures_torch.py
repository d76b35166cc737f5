"""No layer named: the one that is right, for each network of the table, with a map in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest

import architectures
from architectures import Architecture
from limelight import explain
from limelight.probes import Request, probe_for
from limelight.probes.choosing import choose
from limelight.scores import Score

torch = pytest.importorskip("torch")


def name_of(row: Architecture) -> str:
    return row.source + (
        "-" + str(row.options["global_pool"]) if "global_pool" in row.options else ""
    )


@cache
def images(size: tuple[int, int]) -> Any:
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("row", architectures.TORCH, ids=name_of)
def test_the_choice(row: Architecture) -> None:
    """Its name, its grid, a map that is the plain one and not constant, and invariant 6."""
    torch.manual_seed(0)
    model = row.build()
    given = images(row.size)
    probe = probe_for(model)
    assert choose(probe.trace(given)) == row.layer
    target = [1, 3]
    maps = explain(model, given, "hirescam", target=target)
    assert maps.layer == row.layer
    assert maps.numpy().shape == (2, *row.grid)
    for found in maps.numpy():
        assert np.ptp(found) > 1e-3 * np.abs(found).max() > 0, "the map is not constant"
    product, logits = by_hand(model, row, given, target)
    scale = float(product.abs().max())
    np.testing.assert_allclose(maps.numpy(), product.numpy(), rtol=0, atol=2e-5 * scale)
    request = Request(layers=(row.layer,), gradients=False, scores=(Score(),))
    (captured,) = probe.capture(given, request, np.array([[1], [3]])).activations.values()
    replayed = substituted(model, row, given, captured)
    tolerance = 1e-5 * float(logits.abs().max())
    torch.testing.assert_close(replayed, logits, rtol=0, atol=tolerance)
    torch.testing.assert_close(maps.scores, logits, rtol=0, atol=tolerance)


def by_hand(model: Any, row: Architecture, given: Any, target: list[int]) -> tuple[Any, Any]:
    """Σ_c G ⊙ A at the row's layer, through the whole graph, and the logits."""
    kept: list[Any] = []

    def keep(module: Any, args: Any, output: Any) -> None:
        output.retain_grad()
        kept.append(output)

    with hooked(model, row, keep):
        logits = scores(model(given.clone().requires_grad_()))
    logits[[0, 1], target].sum().backward()
    (activations,) = kept
    product = (activations * activations.grad).detach()
    model.zero_grad()
    return places(product, row).sum(1), logits.detach()


def substituted(model: Any, row: Architecture, given: Any, captured: Any) -> Any:
    """The logits of a run in which the layer's places are first lost, then as `captured`."""

    def put(module: Any, args: Any, output: Any) -> Any:
        changed = output.clone()
        places(changed, row).fill_(torch.nan)
        places(changed, row).copy_(captured)
        return changed

    with torch.no_grad(), hooked(model, row, put):
        return scores(model(given))


@contextmanager
def hooked(model: Any, row: Architecture, hook: Any) -> Iterator[None]:
    handle = model.get_submodule(row.layer).register_forward_hook(hook)
    yield
    handle.remove()


def scores(output: Any) -> Any:
    return getattr(output, "logits", output)


def places(output: Any, row: Architecture) -> Any:
    """A view (N, C, h, w) of the places of the image, by what each source is known to return."""
    if output.ndim == 3:
        before = {"deit": 2, "reg4": 5, "registers": 5, "swin": 0}
        start = next((n for word, n in before.items() if word in row.source), 1)
        return output[:, start:].unflatten(1, row.grid).permute(0, 3, 1, 2)
    return output.permute(0, 3, 1, 2) if "swin" in row.source else output
