# %% [markdown]
# # Cars196 in Keras: from the data set to scored boxes
#
# The course, from the beginning: look at the data and its boxes; train ResNet-50 with global
# average pooling and a softmax on the *labels*; ask it where it looked, by CAM and by Grad-CAM at
# several depths; draw a box around that, and measure it against the true one; then do that for the
# whole test set, because one image proves nothing.
#
# The original download of Cars196 is gone. People have it as TensorFlow Datasets prepared it
# (`~/tensorflow_datasets/cars196`), or as a folder with `cars_train/`, `cars_test/` and `devkit/`;
# `cars_test_annos_withlabels.mat` has the labels of the test images.

# %%
import math
import os

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import limelight
from limelight.arrays import to_numpy

DATA = os.environ.get("CARS196", "tfds:cars196")  # or cars196:/folder
WEIGHTS = os.environ.get("WEIGHTS", "imagenet")  # "none": random
SIDE = int(os.environ.get("SIDE", "224"))
EPOCHS = int(os.environ.get("EPOCHS", "15"))
BATCH = int(os.environ.get("BATCH", "16"))
ITEM = int(os.environ.get("ITEM", "0"))
OUT = os.environ.get("OUT", "cars196")
weights = None if WEIGHTS == "none" else WEIGHTS
keras.utils.set_random_seed(0)
os.makedirs(OUT, exist_ok=True)

# %% [markdown]
# ## The data
# An example has an image, a label and boxes: x0, y0, x1, y1 in pixels, half-open.

# %%
train = limelight.data.open(DATA, split="train")
test = limelight.data.open(DATA, split="test")
classes = train.class_names
print(train, test, sep="\n")
example = train[0]
print(
    f"{example.id}: {example.measure()} (height, width), {classes[example.label]}, {example.boxes}"
)

# %%
shown = [train[i] for i in range(4)]
pictures = [limelight.draw.boxes(each.read(), each.boxes, width=2) for each in shown]
figure, axes = plt.subplots(1, 4, figsize=(12, 3.4))
for axis, picture, each in zip(axes, pictures, shown, strict=True):
    axis.imshow(picture)
    axis.set_xlabel(f"class {each.label}, {len(each.boxes)} box")
    axis.set_xticks([])
    axis.set_yticks([])
limelight.draw.save(figure, f"{OUT}/examples.png")
plt.close(figure)
figure

# %% [markdown]
# ### Box formats
# The same box, in every format there is. TFDS has ymin, xmin, ymax, xmax as fractions of the
# image; the devkit has pixels counted from 1; detectors want the centre.

# %%
for name in limelight.boxes.FORMATS:
    written = limelight.boxes.convert(example.boxes, "xyxy", name, size=example.measure())
    print(f"{name:18} {np.round(np.asarray(written[0], float), 3).ravel().tolist()}")


# %% [markdown]
# ## The network
# Pixels / 255, 224 × 224; ResNet-50, global average pooling, a softmax over the classes. Because
# only pooling and one dense layer follow the last feature map, CAM applies.


# %%
class Batches(keras.utils.PyDataset):
    """Images read when their batch is due, in a new order every epoch."""

    def __init__(self, dataset, shuffle, **options):
        super().__init__(**options)
        self.dataset, self.order = dataset, np.arange(len(dataset))
        self.generator = np.random.default_rng(0) if shuffle else None
        self.on_epoch_end()

    def on_epoch_end(self):
        if self.generator is not None:
            self.generator.shuffle(self.order)

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
scores = keras.layers.Dense(len(classes), activation="softmax", name="scores")(pooled)
model = keras.Model(backbone.input, scores, name="cars196_resnet50")
model.compile(
    keras.optimizers.SGD(0.01),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    Batches(train, True), validation_data=Batches(test, False), epochs=EPOCHS, verbose=2
)

# %% [markdown]
# Saved as `.keras` and loaded back, with its preprocessing said once and kept beside the file.
# (`.h5` files of older courses load the same way.)

# %%
model.save(f"{OUT}/cars196.keras")
classifier = limelight.load(f"{OUT}/cars196.keras", preprocess="0-1", classes=classes)
classifier.save_side_file()
model.save(f"{OUT}/cars196.h5")
old = limelight.load(f"{OUT}/cars196.h5", preprocess="0-1", classes=classes)

# %% [markdown]
# ## One item, explained for its true class

# %%
item = test[ITEM]
photograph = item.read()
cam = limelight.explain(classifier, photograph, "cam", target=item.label)
print(f"{item.id}: true class {classes[item.label]!r}, probability {float(cam.probability[0]):.3f}")
print(f"CAM {tuple(cam.values.shape)} at {cam.layer}, resized to {tuple(cam.resized().shape[1:])}")
again = limelight.explain(old, photograph, "cam", target=item.label)
print("the .h5 file gives the same map:", np.allclose(again.numpy(), cam.numpy(), atol=1e-4))

# %% [markdown]
# Grad-CAM at three depths, from one forward pass: deep layers know the class, shallow ones the
# places.

# %%
depths = ["conv5_block3_out", "conv4_block3_out", "conv3_block3_out"]
grad_cam = limelight.explain(classifier, photograph, target=item.label, layer=depths)
figure = limelight.draw.grid(
    [photograph],
    {
        name: [to_numpy(map_) for map_ in maps.resized("max")]
        for name, maps in {"CAM": cam, **grad_cam}.items()
    },
    true_boxes=[item.boxes],
    columns=[classes[item.label]],
    transpose=True,
)
limelight.draw.save(figure, f"{OUT}/depths.png")
figure

# %% [markdown]
# ## Overlays: how strong, in colour or in grey

# %%
for alpha in (0.3, 0.6):
    for colormap in ("jet", "gray"):
        overlay = cam.overlay(photograph, alpha=alpha, colormap=colormap)[0]
        Image.fromarray(overlay).save(f"{OUT}/overlay_{colormap}_{alpha}.png")

# %% [markdown]
# ## From the map to a box
# Everything above 5 % of the maximum, the largest connected part of it, the box around that;
# upright and rotated. In pixels of the photograph, not of the network's input.

# %%
grad = grad_cam["conv5_block3_out"]
cam_box, grad_box = cam.boxes(0.05)[0], grad.boxes(0.05)[0]
rotated = cam.boxes(0.05, rotated=True)[0]
normalized = cam.boxes(0.05, format="tfds")[0]
print("CAM box, pixels                      ", np.round(cam_box, 1).tolist())
print("normalized ymin, xmin, ymax, xmax    ", np.round(normalized, 3).tolist())
print("corners of the rotated rectangle     ", np.round(rotated, 1).tolist())

# %% [markdown]
# ## How good are they?
# All boxes together: the truth in green, CAM in red, Grad-CAM in blue, the rotated one in white.

# %%
drawn = limelight.draw.boxes(photograph, item.boxes, "lime", 2, ["true"] * len(item.boxes))
for name, box, colour in (("CAM", cam_box, "red"), ("Grad-CAM", grad_box, "blue")):
    score = limelight.boxes.iou([box], item.boxes).max()
    print(f"{name:8} IoU {score:.2f}")
    drawn = limelight.draw.boxes(drawn, box, colour, 2, f"{name} {score:.2f}")
drawn = limelight.draw.boxes(drawn, rotated[None], "white", 1)
Image.fromarray(drawn).save(f"{OUT}/boxes.png")
Image.fromarray(drawn)

# %% [markdown]
# ## The whole test set
# One published image gave CAM 0.81 and Grad-CAM 0.69. Over a data set that says little: here are
# all images, with the two baselines that look at no image. Each method at the threshold that suits
# it best on training images; choosing it matters more than the method.

# %%
from limelight.runs import evaluate_methods, tune_methods

methods = ["cam", "gradcam", "layercam"]
thresholds = tune_methods(classifier, train[: 4 * BATCH], methods, batch_size=BATCH)
for name, cut in thresholds.items():
    print(f"{name:12} threshold {cut.value:.2f}")
evaluation = evaluate_methods(classifier, test, methods, thresholds=thresholds, batch_size=BATCH)
for line in evaluation.table():
    figures = {name: round(result.value, 3) for name, result in line.results.items()}
    print(f"{line.name:12} {figures}")

# %% [markdown]
# **Which is better, and why?** At the last feature map of this network Grad-CAM *is* CAM: behind
# global average pooling and one dense layer the gradient of a score is the class's weight, divided
# by the number of places. Only the negative part differs: Grad-CAM sets it to zero, and so does
# "normalized by the maximum". So the two have the same box on every image; only where a protocol
# normalizes by minimum and maximum (MaxBoxAcc does) the negative part of CAM counts. A difference
# as in the published image comes from elsewhere: from the gradient of the probability, from the
# first contour instead of the largest, or from another layer. `benchmarks/cam_or_gradcam.py`
# measures these on real photographs; the figures are in `docs/tutorials/cars196.md`.

# %%
pairs = limelight.explain(
    classifier,
    [test[i].read() for i in range(min(BATCH, len(test)))],
    ["cam", "gradcam"],
    layer="conv5_block3_out",
)
one, other = (pairs[name].boxes(0.2) for name in ("cam", "gradcam"))
print(
    "CAM and Grad-CAM at the last map have the same boxes:", np.allclose(one, other, equal_nan=True)
)
