"""Writes small-cnn.json: twenty steps of a small CNN by PyTorch, in f64 from f32 weights and pictures.

Weights and pictures are computed from their names (the fill of packages/goldens), so only the numbers reached are stored.
`noise` is how far f32 arithmetic alone moves a number: the larger deviation of two f32 runs (with oneDNN and without),
for losses the largest up to that step.
"""

import json
import math
import pathlib

import numpy as np
import torch
from torch import nn

SEED, GAIN = 5, 1.0
PICTURES, BATCH, STEPS, CLASSES = 64, 16, 20, 4
SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3, "nesterov": True}


def fmix32(h):
    h = (h ^ (h >> 16)) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ (h >> 13)) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ (h >> 16)


def unit(name, count):
    """`count` values in [-1, 1), exact in f64."""
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    stream = fmix32((h + SEED * 0x9E3779B1) & 0xFFFFFFFF)
    i = np.arange(count, dtype=np.uint64)
    return (fmix32((stream + i * 0x9E3779B1) & 0xFFFFFFFF) >> np.uint64(8)).astype(np.float64) * 2**-23 - 1


def entry(name, shape):
    """The values of a state-dict entry, rounded to f32."""
    count = math.prod(shape)
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    last = name.rsplit(".", 1)[-1]
    if last == "running_mean" or last == "bias":
        centre, half = 0, 0.1
    elif last == "running_var" or len(shape) == 1:
        centre, half = 1, 0.2
    else:
        centre, half = 0, math.sqrt(3 / math.prod(shape[1:])) * GAIN
    return torch.from_numpy((centre + half * unit(name, count)).astype(np.float32).reshape(shape))


def pictures():
    """Noise, and one bright quadrant: the picture's class."""
    values = (0.5 * unit("pictures", PICTURES * 3 * 16 * 16)).reshape(PICTURES, 3, 16, 16)
    labels = np.arange(PICTURES) % CLASSES
    for i, label in enumerate(labels):
        row, column = 8 * (label >> 1), 8 * (label & 1)
        values[i, :, row : row + 8, column : column + 8] += 0.25
    return torch.from_numpy(values.astype(np.float32)), torch.from_numpy(labels)


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 16, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.Hardswish(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(256, CLASSES),
    )


def run(dtype):
    """The losses before each step; the logits of the first batch afterwards, in eval mode."""
    model = small_cnn()
    model.load_state_dict({name: entry(name, list(t.shape)) for name, t in model.state_dict().items()})
    model.to(dtype)
    x, y = pictures()
    x = x.to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), **SGD)
    losses = []
    for step in range(STEPS):
        at = step * BATCH % PICTURES
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[at : at + BATCH]), y[at : at + BATCH])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        logits = model.eval()(x[:BATCH])
    return np.array(losses), logits.double().numpy().ravel()


exact_losses, exact_logits = run(torch.float64)
loss_noise, logits_noise = np.zeros(STEPS), 0.0
for onednn in (True, False):
    with torch.backends.mkldnn.flags(enabled=onednn):
        losses, logits = run(torch.float32)
    loss_noise = np.maximum(loss_noise, np.abs(losses - exact_losses))
    logits_noise = max(logits_noise, np.abs(logits - exact_logits).max() / np.abs(exact_logits).max())

fixture = {
    "seed": SEED,
    "gain": GAIN,
    "pictures": PICTURES,
    "batch": BATCH,
    "sgd": SGD,
    "losses": exact_losses.tolist(),
    "loss_noise": np.maximum.accumulate(loss_noise).tolist(),
    "logits": exact_logits.tolist(),
    "logits_noise": logits_noise,
}
pathlib.Path(__file__).with_name("small-cnn.json").write_text(json.dumps(fixture, indent=2) + "\n")
