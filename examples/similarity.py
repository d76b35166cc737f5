# %% [markdown]
# # What two images have in common
#
# Of a model that returns embeddings, the cosine between two of them is explained: the places of one
# image that make it like the other.

# %%
import os

import torch
from PIL import Image, ImageOps

import limelight

WEIGHTS = os.environ.get("WEIGHTS", "squeezenet1_0.safetensors")  # a safetensors file of SqueezeNet
PHOTO = os.environ.get("PHOTO", "both.png")
OUT = os.environ.get("OUT", "similarity")

preprocess = {"mean": [123 / 255, 117 / 255, 104 / 255], "std": [1 / 255] * 3}
squeezenet = limelight.load(
    WEIGHTS,
    arch="torchvision:squeezenet1_0",
    size=227,
    preprocess=preprocess,
    attributes={"classifier.1.padding": (1, 1)},
).model

# %% [markdown]
# The embedding: the pooled activations before the classifier.

# %%
model = torch.nn.Sequential(
    squeezenet.features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
).eval()
classifier = limelight.load(model, preprocess=preprocess, size=227)


def embedding(photograph):
    array, _ = classifier.prepare(photograph)
    with torch.no_grad():
        return model(torch.as_tensor(array))[0]


photograph = Image.open(PHOTO).convert("RGB")
others = {  # two other images: parts of the photograph, mirrored
    "a dog": ImageOps.mirror(photograph.crop((70, 5, 180, 125))),
    "a cat": ImageOps.mirror(photograph.crop((90, 110, 210, 224))),
}
found = {}
for name, other in others.items():
    target = limelight.targets.Similarity(embedding(other))
    found[name] = limelight.explain(classifier, photograph, "layercam", target=target)
    print(f"like {name}: looks at {found[name].boxes(0.5)[0].round().tolist()}")

# %%
figure = limelight.draw.grid(
    [photograph], {f"like {name}": list(maps.resized("max")) for name, maps in found.items()}
)
limelight.draw.save(figure, f"{OUT}/similarity.png")
figure
