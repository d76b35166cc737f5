# %% [markdown]
# # Transfer learning in PyTorch, and what the network looked at
#
# A ResNet from torchvision (or timm) with a new head for the classes at hand, a batch of test
# images with their predicted and true names, and Grad-CAM over them. The images of the batch are
# normalized with mean and std; they are de-normalized for the pictures.

# %%
import os

import numpy as np
import torch

import limelight

DATA = os.environ.get("CARS196", "cars196:cars196")
MODEL = os.environ.get("MODEL", "torchvision:resnet18")  # or timm:resnet18 …
WEIGHTS = os.environ.get("WEIGHTS", "imagenet")  # "none": random
SIDE = int(os.environ.get("SIDE", "224"))
EPOCHS = int(os.environ.get("EPOCHS", "5"))
BATCH = int(os.environ.get("BATCH", "32"))
OUT = os.environ.get("OUT", "transfer")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
torch.manual_seed(0)

train = limelight.data.open(DATA, split="train")
test = limelight.data.open(DATA, split="test")
classes = train.class_names

# %% [markdown]
# ## The network: a backbone with a new head

# %%
source, _, name = MODEL.partition(":")
if source == "torchvision":
    import torchvision

    weights = None if WEIGHTS == "none" else "DEFAULT"
    model = torchvision.models.get_model(name, weights=weights)
    model.fc = torch.nn.Linear(model.fc.in_features, len(classes))
else:
    import timm

    model = timm.create_model(name, pretrained=WEIGHTS != "none", num_classes=len(classes))

# %% [markdown]
# ## Training
# The new head learns ten times as fast as the backbone. Labels alone are used.

# %%
classifier = limelight.load(model, size=SIDE, preprocess="imagenet", classes=classes)


class Photographs(torch.utils.data.Dataset):
    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        example = self.dataset[index]
        pixels, _ = classifier.preprocess(example.read())
        return pixels, example.label


head = list(model.get_classifier().parameters() if source == "timm" else model.fc.parameters())
others = [p for p in model.parameters() if all(p is not each for each in head)]
optimizer = torch.optim.SGD(
    [{"params": others, "lr": 0.005}, {"params": head, "lr": 0.05}], momentum=0.9
)
loader = torch.utils.data.DataLoader(Photographs(train), BATCH, shuffle=True, drop_last=True)
for epoch in range(EPOCHS):
    model.train()
    losses = []
    for images, labels in loader:
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch + 1}/{EPOCHS}  loss {np.mean(losses):.3f}")
model.eval()

# %% [markdown]
# ## A batch of test images, as the network takes them
# `images` are tensors, already normalized: what every training loop has at hand.

# %%
images, labels = next(iter(torch.utils.data.DataLoader(Photographs(test), 8)))
maps = limelight.explain(model, images)  # the layer is chosen: the last feature map
print(f"{maps.layer}, maps {tuple(maps.values.shape)}, predicted {maps.target.tolist()}")

# %% [markdown]
# De-normalized by `mean` and `std`, with jet at alpha 0.4, predicted and true names:

# %%
pictures = maps.pictures(images, mean=MEAN, std=STD)
overlays = maps.overlay(images, alpha=0.4, colormap="jet", mean=MEAN, std=STD)
captions = [
    f"predicted {classes[p]}\ntrue {classes[t]}"
    for p, t in zip(maps.target.tolist(), labels.tolist(), strict=True)
]
figure = limelight.draw.grid(
    pictures, {maps.method: maps.resized("max").cpu().numpy()}, columns=captions, alpha=0.4
)
limelight.draw.save(figure, f"{OUT}/batch.png")
figure

# %% [markdown]
# A single overlay is an array like any other:

# %%
from PIL import Image

Image.fromarray(overlays[0]).save(f"{OUT}/overlay.png")
print(f"overlay {overlays.shape} {overlays.dtype}")
np.savez(f"{OUT}/batch.npz", images=images, pictures=np.stack(pictures), overlays=overlays)

# %% [markdown]
# ## Photographs instead of tensors
# A classifier takes paths and photographs of any size, and boxes come in their own pixels:

# %%
examples = [test[i] for i in range(4)]
found = limelight.explain(classifier, [example.read() for example in examples])
for example, box in zip(examples, found.boxes(0.2), strict=True):
    score = limelight.boxes.iou([box], example.boxes).max()
    print(f"{example.id}: box {np.round(box).tolist()}, IoU {score:.2f}")
