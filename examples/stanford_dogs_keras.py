# %% [markdown]
# # Stanford Dogs in Keras: several boxes an image, and what the first layers see
#
# The same course as for Cars196, with 120 breeds and photographs of more than one dog. New here:
# a box is right when it fits *one* of the dogs; and Grad-CAM at the outputs of the first blocks,
# for several items, as one picture.
#
# The data: a folder with `Images/`, `Annotation/`, `train_list.mat` and `test_list.mat`, or as
# TensorFlow Datasets prepared it.

# %%
import math
import os

import keras
import numpy as np

import limelight
from limelight.arrays import to_numpy

DATA = os.environ.get("DOGS", "tfds:stanford_dogs")  # or stanford_dogs:/folder
WEIGHTS = os.environ.get("WEIGHTS", "imagenet")  # "none": random
SIDE = int(os.environ.get("SIDE", "224"))
EPOCHS = int(os.environ.get("EPOCHS", "15"))
BATCH = int(os.environ.get("BATCH", "16"))
OUT = os.environ.get("OUT", "dogs")
weights = None if WEIGHTS == "none" else WEIGHTS
keras.utils.set_random_seed(0)
os.makedirs(OUT, exist_ok=True)

# %%
train = limelight.data.open(DATA, split="train")
test = limelight.data.open(DATA, split="test")
breeds = train.class_names
counts = [len(example.boxes) for example in test]
print(train, test, sep="\n")
print(f"boxes an image: {min(counts)} to {max(counts)}")


# %% [markdown]
# ## Training, on the names of the breeds alone


# %%
class Batches(keras.utils.PyDataset):
    """Images read when their batch is due."""

    def __init__(self, dataset, **options):
        super().__init__(**options)
        self.dataset = dataset
        self.order = np.random.default_rng(0).permutation(len(dataset))

    def __len__(self):
        return math.ceil(len(self.dataset) / BATCH)

    def __getitem__(self, step):
        chosen = [self.dataset[int(i)] for i in self.order[step * BATCH : (step + 1) * BATCH]]
        images = [np.asarray(each.read().resize((SIDE, SIDE))) for each in chosen]
        return np.stack(images) / np.float32(255), np.array([each.label for each in chosen])


backbone = keras.applications.ResNet50(
    include_top=False, weights=weights, input_shape=(SIDE, SIDE, 3)
)
pooled = keras.layers.GlobalAveragePooling2D(name="pool")(backbone.output)
scores = keras.layers.Dense(len(breeds), activation="softmax", name="scores")(pooled)
model = keras.Model(backbone.input, scores, name="dogs_resnet50")
model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(Batches(train), validation_data=Batches(test), epochs=EPOCHS, verbose=2)
model.save(f"{OUT}/dogs.keras")
classifier = limelight.load(f"{OUT}/dogs.keras", preprocess="0-1", classes=breeds)
classifier.save_side_file()

# %% [markdown]
# ## Grad-CAM with its ReLU, for the true breed
# The largest part of the map against each of the true boxes; the best one counts.

# %%
items = [test[i] for i in range(4)]
photographs = [item.read() for item in items]
labels = [item.label for item in items]
maps = limelight.explain(classifier, photographs, target=labels)
print(f"smallest value {maps.numpy().min():.1f}: what speaks against the breed is left out")
for item, box in zip(items, maps.boxes(0.2), strict=True):
    scores = limelight.boxes.iou([box], item.boxes)[0]
    print(f"{item.id}: {len(item.boxes)} boxes, IoU with each {np.round(scores, 2).tolist()}")

# %% [markdown]
# All boxes that the map suggests, with their scores, not the largest alone:

# %%
for item, boxes in zip(items, maps.boxes(0.2, which="all"), strict=True):
    print(f"{item.id}: {len(boxes)} parts, scores {np.round(boxes[:, 4], 2).tolist()}")

# %% [markdown]
# ## The first blocks: layers × items, as one picture

# %%
layers = ["conv2_block1_out", "conv2_block2_out", "conv2_block3_out"]
found = limelight.explain(classifier, photographs, target=labels, layer=layers)
figure = limelight.draw.grid(
    photographs,
    {layer: [to_numpy(map_) for map_ in each.resized("max")] for layer, each in found.items()},
    columns=[breeds[label] for label in labels],
    true_boxes=[item.boxes for item in items],
)
limelight.draw.save(figure, f"{OUT}/blocks.png")
figure

# %% [markdown]
# The same in one line, for people with a terminal:
#
# ```
# limelight explain --model dogs/dogs.keras --data stanford_dogs:FOLDER --split test --index 0 \
#     --layer conv2_block1_out --layer conv2_block2_out --layer conv2_block3_out
# ```

# %% [markdown]
# ## The whole test set

# %%
from limelight.runs import evaluate_methods

evaluation = evaluate_methods(classifier, test, ["gradcam", "layercam"], batch_size=BATCH)
for line in evaluation.table():
    figures = {name: round(result.value, 3) for name, result in line.results.items()}
    print(f"{line.name:12} {figures}")
