# %% [markdown]
# # What a detection is made of
#
# DETR, YOLOS and their kin return one row of class scores per query, (N, queries, classes). One
# class's score in one detection is explained; without `query=`, in each image's best detection of
# the class. The network here is a small DETR with random weights, so that nothing is downloaded:
# what it looks at means nothing. With `DetrForObjectDetection.from_pretrained(…)` it does.

# %%
import os

import numpy as np
import torch
from PIL import Image
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

import limelight

PHOTO = os.environ.get("PHOTO", "both.png")
OUT = os.environ.get("OUT", "detection")
torch.manual_seed(0)

backbone = ResNetConfig(
    embedding_size=16, hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1], out_features=["stage4"]
)
model = DetrForObjectDetection(
    DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        num_queries=10,
        num_labels=5,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
    )
).eval()

photograph = Image.open(PHOTO).convert("RGB").resize((224, 224))
pixels = torch.as_tensor(np.asarray(photograph) / 255, dtype=torch.float32)
mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
images = ((pixels - mean) / std).permute(2, 0, 1)[None]

# %% [markdown]
# The layer: the backbone's last feature map.

# %%
LAYER = next(name for name, _ in model.named_modules() if name.endswith("encoder.stages.3"))
with torch.no_grad():
    found = model(images)
CLASS = 2
best = int(found.logits[0, :, CLASS].argmax())
print(f"class {CLASS}: best in query {best}")

rows = {}
for name, target in {
    "best query": limelight.targets.Detection(CLASS),
    f"query {best}": limelight.targets.Detection(CLASS, query=best),
}.items():
    maps = limelight.explain(model, images, "hirescam", layer=LAYER, target=target)
    rows[name] = list(maps.resized("minmax"))
    print(f"{name}: greatest {maps.numpy().max():.3e}")

# %%
figure = limelight.draw.grid([photograph], rows)
limelight.draw.save(figure, f"{OUT}/detection.png")
figure
