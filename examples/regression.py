# %% [markdown]
# # What raises a predicted number
#
# A regression model returns a number behind no activation. `Regression()` explains the number
# itself; with `negative=True` what lowers it. Here a small network learns to count discs, and
# squares count as less than nothing.

# %%
import os

import torch
from PIL import Image, ImageDraw

import limelight

STEPS = int(os.environ.get("STEPS", "200"))
OUT = os.environ.get("OUT", "regression")
torch.manual_seed(0)


def drawing():
    """A picture (3, 48, 48) of discs and squares, and discs minus squares."""
    picture = Image.new("RGB", (48, 48), "black")
    pen = ImageDraw.Draw(picture)
    discs, squares = torch.randint(1, 5, (2,)).tolist()
    places = torch.randperm(9)[: discs + squares].tolist()
    for i, place in enumerate(places):
        x, y = 16 * (place % 3) + 3, 16 * (place // 3) + 3
        shape, colour = (pen.ellipse, "orange") if i < discs else (pen.rectangle, "cyan")
        shape((x, y, x + 9, y + 9), colour)
    pixels = torch.tensor(list(picture.tobytes()), dtype=torch.float32)
    return pixels.reshape(48, 48, 3).permute(2, 0, 1) / 255, discs - squares


pictures, numbers = zip(*(drawing() for _ in range(256)), strict=True)
pictures, numbers = torch.stack(pictures), torch.tensor(numbers).float()

# %%
model = torch.nn.Sequential(
    *(torch.nn.Conv2d(3, 8, 4, 2, 1), torch.nn.LeakyReLU()),
    *(torch.nn.Conv2d(8, 16, 4, 2, 1), torch.nn.LeakyReLU()),
    *(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(16, 1)),
)
optimizer = torch.optim.Adam(model.parameters(), 0.02)
for _ in range(STEPS):
    loss = torch.nn.functional.mse_loss(model(pictures)[:, 0], numbers)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"mean square error {loss.item():.2f}")

# %%
shown = pictures[:4]
target = limelight.targets.Regression()
raises = limelight.explain(model, shown, "layercam", target=target)
lowers = limelight.explain(model, shown, "layercam", target=target, negative=True)
orange, cyan = shown[:, 0] > 0.9, shown[:, 2] > 0.9
for name, maps in {"raises": raises, "lowers": lowers}.items():
    values = maps.resized("max")
    discs, squares = ((values * where).sum() / where.sum() for where in (orange, cyan))
    print(f"{name} the number: {discs:.2f} on discs, {squares:.2f} on squares")

# %%
figure = limelight.draw.grid(
    raises.pictures(shown),
    {"raises": list(raises.resized("max")), "lowers": list(lowers.resized("max"))},
    columns=[f"{number:g}" for number in numbers[:4]],
)
limelight.draw.save(figure, f"{OUT}/regression.png")
figure
