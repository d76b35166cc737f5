# %% [markdown]
# # Several labels, and two classes from one output
#
# A multi-label model has one sigmoid per label; a binary model often has a single output. Both are
# made here of SqueezeNet, by adding up its 118 dogs and its 5 domestic cats.

# %%
import os

import torch

import limelight

WEIGHTS = os.environ.get("WEIGHTS", "squeezenet1_0.safetensors")  # a safetensors file of SqueezeNet
PHOTO = os.environ.get("PHOTO", "both.png")
OUT = os.environ.get("OUT", "multilabel")

preprocess = {"mean": [123 / 255, 117 / 255, 104 / 255], "std": [1 / 255] * 3}
squeezenet = limelight.load(
    WEIGHTS,
    arch="torchvision:squeezenet1_0",
    size=227,
    preprocess=preprocess,
    attributes={"classifier.1.padding": (1, 1)},
).model


class DogAndCat(torch.nn.Module):
    """The logits of the labels "dog" and "cat"."""

    def __init__(self):
        super().__init__()
        self.squeezenet = squeezenet

    def forward(self, images):
        scores = self.squeezenet(images)
        dog, cat = scores[:, 151:269].logsumexp(1), scores[:, 281:286].logsumexp(1)
        return torch.stack([dog, cat], 1) - 12


class IsDog(torch.nn.Module):
    """One output: above 0 a dog, below 0 a cat."""

    def __init__(self):
        super().__init__()
        self.labels = DogAndCat()

    def forward(self, images):
        labels = self.labels(images)
        return labels[:, :1] - labels[:, 1:]


# %% [markdown]
# Each label by itself; `activation="sigmoid"` says what makes probabilities of the logits, where
# the model does not end in a `Sigmoid` of its own.

# %%
multilabel = limelight.load(
    DogAndCat(), preprocess=preprocess, size=227, classes=["dog", "cat"], activation="sigmoid"
)
labels = limelight.explain(
    multilabel, PHOTO, layer="squeezenet.features.12", target=[["dog", "cat"]]
)
print("labels", labels.names()[0], labels.probability[0].tolist())

# %% [markdown]
# Of a single output, class 1 is the output and class 0, the negative class, its negation. `classes`
# names both, the negative one first.

# %%
binary = limelight.load(IsDog(), preprocess=preprocess, size=227, classes=["cat", "dog"])
layer = "labels.squeezenet.features.12"
classes = limelight.explain(binary, PHOTO, layer=layer, target=[["dog", "cat"]])
print("binary", classes.names()[0], classes.probability[0].tolist())

# %%
rows = {}
for name, maps in {"label": labels, "binary": classes}.items():
    (each,) = maps.resized("max")
    rows |= {f"{name}: dog": [each[0]], f"{name}: cat": [each[1]]}
figure = limelight.draw.grid(labels.pictures(PHOTO), rows)
limelight.draw.save(figure, f"{OUT}/multilabel.png")
figure
