# %% [markdown]
# # What speaks against a class
#
# `negative=True` explains the score with its sign turned: the places that make the model *less*
# sure of the class. On a photograph of a dog and a cat, what speaks against the dog is the cat.

# %%
import os

import limelight

WEIGHTS = os.environ.get("WEIGHTS", "squeezenet1_0.safetensors")  # a safetensors file of SqueezeNet
PHOTO = os.environ.get("PHOTO", "both.png")
OUT = os.environ.get("OUT", "counterfactual")

classifier = limelight.load(
    WEIGHTS,
    arch="torchvision:squeezenet1_0",
    size=227,
    preprocess={"mean": [123 / 255, 117 / 255, 104 / 255], "std": [1 / 255] * 3},
    classes="imagenet",
    attributes={"classifier.1.padding": (1, 1)},
)

# %% [markdown]
# The layer before the classifier's convolution: at the layer after it, each channel is a class,
# and nothing there speaks against one.

# %%
LAYER, DOG = "features.12", "bull mastiff"
speaks_for = limelight.explain(classifier, PHOTO, layer=LAYER, target=DOG)
against = limelight.explain(classifier, PHOTO, layer=LAYER, target=DOG, negative=True)
print("for    ", speaks_for.boxes().round().tolist())
print("against", against.boxes().round().tolist())

# %%
found = {f"for: {DOG}": speaks_for, f"against: {DOG}": against}
figure = limelight.draw.grid(
    speaks_for.pictures(PHOTO), {name: list(maps.resized("max")) for name, maps in found.items()}
)
limelight.draw.save(figure, f"{OUT}/counterfactual.png")
figure
