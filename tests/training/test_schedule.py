"""The learning rate: its shape, and Keras's own schedule as the oracle."""

from __future__ import annotations

import pytest

from limelight.training.schedule import factor, warm_up_steps


@pytest.mark.parametrize("steps", [1, 2, 7, 100, 1250])
def test_it_rises_to_one_and_falls_towards_nothing(steps: int) -> None:
    rates = [factor(step, steps) for step in range(steps + 1)]
    up = warm_up_steps(steps)
    assert rates[0] == 0 and rates[up] == pytest.approx(1) if steps > 1 else rates[0] == 0
    assert rates[: up + 1] == sorted(rates[: up + 1])
    assert rates[up:] == sorted(rates[up:], reverse=True)
    if steps > up:
        assert rates[-1] == pytest.approx(0, abs=1e-12)


@pytest.mark.keras
@pytest.mark.parametrize("steps", [7, 100])
def test_it_is_what_keras_computes(steps: int) -> None:
    keras = pytest.importorskip("keras")
    up = warm_up_steps(steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - up, warmup_target=0.3, warmup_steps=up
    )
    for step in {0, 1, up - 1, up, up + 1, steps // 2, steps - 1}:
        assert float(schedule(step)) == pytest.approx(0.3 * factor(step, steps), abs=1e-6)
