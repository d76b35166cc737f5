"""The methods that explain one layer of any model of either framework.

Those of attention need a vision transformer, some make one map of several layers, and some need
more of a graph than Keras gives; they have tests of their own.
"""

from __future__ import annotations

from limelight.methods import Method, list_methods


def methods_of_layers() -> list[Method]:
    return [m for m in list_methods() if "keras" in m.frameworks and m.across is None]
