# %% [markdown]
# # MNIST: a small network in Keras, and what it looked at
#
# Two blocks of convolution and max-pooling (32 and 64 filters), flatten, ten classes, Adam. Then
# Grad-CAM at the last max-pooling, for the class that the network predicts or for one of your
# choice.
#
# The digits are read from idx files (`train-images-idx3-ubyte.gz` …) or from `mnist.npz`.

# %%
import os

import keras
import numpy as np

import limelight

DATA = os.environ.get("MNIST", "mnist:mnist.npz")
TRAIN = int(
    os.environ.get("TRAIN", "0")
)  # train on so many, test on the rest; 0: the file's splits
EPOCHS = int(os.environ.get("EPOCHS", "10"))
OUT = os.environ.get("OUT", "mnist")
keras.utils.set_random_seed(0)

# %% [markdown]
# ## The data
# A data set is a sequence of examples, each with an image, a label and (here: no) boxes.

# %%
if TRAIN:
    everything = limelight.data.open(DATA)
    train, test = everything[:TRAIN], everything[TRAIN:]
else:
    train, test = (limelight.data.open(DATA, split=name) for name in ("train", "test"))
train, test


# %%
def arrays(dataset):
    """Grey pixels (N, 28, 28, 1) from 0 to 1, and labels."""
    images = np.stack([np.asarray(example.read().convert("L")) for example in dataset])
    return images[..., None] / np.float32(255), np.array([example.label for example in dataset])


(train_images, train_labels), (test_images, test_labels) = arrays(train), arrays(test)
train_images.shape, test_images.shape

# %% [markdown]
# ## The network

# %%
layers = keras.layers
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(name="last_pooling"),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train_images, train_labels, batch_size=64, epochs=EPOCHS, verbose=2)
_, accuracy = model.evaluate(test_images, test_labels, batch_size=256, verbose=0)
print(f"test accuracy {accuracy:.2%} of {len(test_labels)} digits")

# %% [markdown]
# Saved, and loaded with its preprocessing and the classes' names. The softmax at its end is no
# obstacle: maps are made of the scores before it, whose gradients do not vanish when the network
# is sure.

# %%
os.makedirs(OUT, exist_ok=True)
model.save(f"{OUT}/model.keras")
classifier = limelight.load(
    f"{OUT}/model.keras", preprocess="0-1", classes=[str(digit) for digit in range(10)]
)

# %% [markdown]
# ## Original, map and overlay
# For the class that the network predicts:

# %%
digit = test[0].read()
maps = limelight.explain(classifier, digit, layer="last_pooling")
print(f"predicted {maps.names()[0]} with {float(maps.probability[0]):.1%}; true {test[0].label}")
print("diagnosis:", maps.diagnosis[0] or "nothing is wrong with the map")
figure = maps.show(digit, boxes=False)
limelight.draw.save(figure, f"{OUT}/predicted.png")
figure

# %% [markdown]
# ... and for one of your choice: where does it look most like a three?

# %%
chosen = limelight.explain(classifier, digit, target=3, layer="last_pooling")
figure = chosen.show(digit, boxes=False)
limelight.draw.save(figure, f"{OUT}/as_a_three.png")
figure

# %% [markdown]
# ## Why some maps are empty, and what to do
# One digit of each class, by three methods, from one forward pass. Grad-CAM averages a channel's
# gradients over all places. That is right in front of global average pooling, where they are the
# same everywhere; in front of *flatten* each place has weights of its own, and their average may
# well be negative for a digit that the network is sure of. HiResCAM and LayerCAM do not average.

# %%
labels = [example.label for example in test]
digits = [test[labels.index(digit)].read() for digit in range(10)]
found = limelight.explain(
    classifier, digits, ["gradcam", "hirescam", "layercam"], layer="last_pooling"
)
for method, each in found.items():
    print(f"{method:9} empty for {sum(words is not None for words in each.diagnosis)} of 10 digits")
resized = {method: np.asarray(each.resized("max")) for method, each in found.items()}
figure = limelight.draw.grid(digits, resized)
limelight.draw.save(figure, f"{OUT}/every_class.png")
figure

# %% [markdown]
# How much of each map lies on the ink of its digit?

# %%
ink = np.stack([np.asarray(digit.convert("L")) > 127 for digit in digits])
for method, values in resized.items():
    shares = [float(v[i].sum() / v.sum()) for v, i in zip(values, ink, strict=True) if v.any()]
    print(f"{method:9} {np.mean(shares):.0%} of the map on the ink")
print(f"chance    {ink.mean():.0%}")
