# %% [markdown]
# # A class within a region: semantic segmentation
#
# A segmentation model scores every class at every pixel, (N, classes, H, W). What is explained is a
# class's score, summed over a region: all of the pixels that the model gives to the class, or a
# region of your own (Seg-Grad-CAM, Vinogradova 2020). SqueezeNet without its last pooling is such
# a model: a thousand classes on a grid of 15 × 15.

# %%
import os

import numpy as np
import torch

import limelight

WEIGHTS = os.environ.get("WEIGHTS", "squeezenet1_0.safetensors")  # a safetensors file of SqueezeNet
PHOTO = os.environ.get("PHOTO", "both.png")
OUT = os.environ.get("OUT", "segmentation")

preprocess = {"mean": [123 / 255, 117 / 255, 104 / 255], "std": [1 / 255] * 3}
squeezenet = limelight.load(
    WEIGHTS,
    arch="torchvision:squeezenet1_0",
    size=227,
    preprocess=preprocess,
    attributes={"classifier.1.padding": (1, 1)},
).model
model = torch.nn.Sequential(squeezenet.features, squeezenet.classifier[1]).eval()
classifier = limelight.load(model, preprocess=preprocess, size=227)

# %% [markdown]
# All that the model takes for a bull mastiff; then only its lower half.

# %%
DOG = 243
lower = np.zeros((15, 15), bool)
lower[8:] = True
everywhere = limelight.targets.Segmentation(DOG)
within = limelight.targets.Segmentation(DOG, lower)

found = {
    name: limelight.explain(classifier, PHOTO, "layercam", layer="0.9", target=target)
    for name, target in {"where the model sees it": everywhere, "in the lower half": within}.items()
}
for name, maps in found.items():
    rows = np.arange(maps.values.shape[1])
    weight = maps.numpy()[0].sum(1)
    print(f"{name:24} centre at row {(rows * weight).sum() / weight.sum():.1f} of {len(rows)}")

# %%
pictures = next(iter(found.values())).pictures(PHOTO)
figure = limelight.draw.grid(
    pictures, {name: list(maps.resized("max")) for name, maps in found.items()}
)
limelight.draw.save(figure, f"{OUT}/segmentation.png")
figure
