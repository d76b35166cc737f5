"""PyTorch and what runs on it, imported: where each process of a benchmark begins."""

from torchvision_registration import prepare_torchvision

prepare_torchvision()

import captum.attr  # noqa: E402, F401
import pytorch_grad_cam  # noqa: E402, F401
import torch  # noqa: E402, F401
import torchcam.methods  # noqa: E402, F401
import torchvision  # noqa: E402, F401
