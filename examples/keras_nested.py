# %% [markdown]
# # A backbone inside another Keras model
#
# Transfer learning in Keras puts a whole network into another model as one layer, with a head of
# several layers after it. The target layer then lies *inside* of that layer: building a model from
# the outer input to the inner output, as notebooks do, ends in "graph disconnected". Here a path
# through the nesting is enough: `"backbone/conv5_block3_out"`.
#
# Several images go through at once, each explained for its own class: gradients are never averaged
# over the batch.

# %%
import os

import keras
import numpy as np

import limelight
from limelight.arrays import to_numpy

DATA = os.environ.get("CARS196", "cars196:cars196")
WEIGHTS = os.environ.get("WEIGHTS", "imagenet")  # "none": random
SIDE = int(os.environ.get("SIDE", "224"))
BATCH = int(os.environ.get("BATCH", "8"))
OUT = os.environ.get("OUT", "nested")
weights = None if WEIGHTS == "none" else WEIGHTS
keras.utils.set_random_seed(0)

dataset = limelight.data.open(DATA, split="test")
classes = dataset.class_names

# %%
layers = keras.layers
backbone = keras.applications.ResNet50(
    include_top=False, weights=weights, input_shape=(SIDE, SIDE, 3), name="backbone"
)
model = keras.Sequential(
    [
        keras.Input((SIDE, SIDE, 3)),
        backbone,
        layers.Conv2D(256, 1, activation="relu", name="squeeze"),
        layers.GlobalAveragePooling2D(name="pool"),
        layers.Dense(128, activation="relu", name="hidden"),
        layers.Dropout(0.3),
        layers.Dense(len(classes), activation="softmax", name="scores"),
    ]
)
model.summary()

# %% [markdown]
# The preprocessing is named, so that it cannot be another network's.

# %%
classifier = limelight.load(model, preprocess="keras:resnet50", classes=classes)
photographs = [dataset[i].read() for i in range(BATCH)]

# %% [markdown]
# The layer through the nesting, and one outside of it, in one forward pass:

# %%
paths = ["backbone/conv5_block3_out", "backbone/conv4_block6_out", "squeeze"]
found = limelight.explain(classifier, photographs, layer=paths)
for path, maps in found.items():
    print(f"{path:28} {tuple(maps.values.shape)}  classes {np.asarray(maps.target).tolist()}")

# %% [markdown]
# A batch gives what its images give one by one, and each is explained for its own class:

# %%
whole = found[paths[0]].numpy()
targets = np.asarray(found[paths[0]].target).tolist()
worst = 0.0
for i in range(len(photographs)):
    alone = limelight.explain(classifier, photographs[i], layer=paths[0], target=targets[i])
    difference = np.abs(alone.numpy()[0] - whole[i]).max()
    worst = max(worst, float(difference / max(whole[i].max(), 1e-30)))
print(f"largest difference between batch and single images: {worst:.1e} of the maximum")

# %% [markdown]
# An unknown name lists what comes close:

# %%
try:
    limelight.explain(classifier, photographs[0], layer="backbone/conv5_block3_output")
except limelight.LimelightError as error:
    print(error)

# %%
rows = {path: [to_numpy(map_) for map_ in maps.resized("max")] for path, maps in found.items()}
figure = limelight.draw.grid(
    photographs, rows, columns=[classes[dataset[i].label] for i in range(BATCH)]
)
limelight.draw.save(figure, f"{OUT}/nested.png")
figure
