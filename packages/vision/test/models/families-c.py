"""Writes families-c.json.gz: what torchvision 0.14 builds and computes for the models that families-c.test.ts tries."""

import gzip
import json
import warnings
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torchvision import models
from torchvision.models.maxvit import MaxVit
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2
from torchvision.models.vision_transformer import ConvStemConfig, VisionTransformer, interpolate_embeddings

warnings.simplefilter("ignore")
torch.set_num_threads(1)

V2 = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}


def swin(**kwargs):
    return SwinTransformer([2, 4], 12, [1, 2], [2, 3], [3, 5], stochastic_depth_prob=0.05, num_classes=3, **kwargs)


STRUCTURE = {
    "vit options": lambda: models.vit_b_32(
        image_size=64,
        num_classes=7,
        representation_size=33,
        dropout=0.1,
        attention_dropout=0.2,
        norm_layer=partial(nn.LayerNorm, eps=1e-3),
    ),
    "swin options": lambda: models.swin_t(
        num_classes=5, mlp_ratio=2.5, dropout=0.1, attention_dropout=0.3, norm_layer=partial(nn.LayerNorm, eps=1e-3)
    ),
    "swin with parts of v2": lambda: models.swin_t(num_classes=3, **V2),
    "maxvit options": lambda: models.maxvit_t(
        input_size=(448, 448),
        num_classes=6,
        mlp_dropout=0.1,
        attention_dropout=0.2,
        mlp_ratio=3,
        squeeze_ratio=0.3,
        expansion_ratio=2.5,
        activation_layer=nn.ReLU,
        norm_layer=partial(nn.BatchNorm2d, eps=1e-4),
    ),
}

# Small models with the shapes of inputs: maps of some windows, padded or not, of one, and narrower than one.
SWIN_INPUTS = [[2, 3, 24, 80], [1, 3, 26, 82], [1, 3, 6, 20], [2, 3, 2, 4], [1, 3, 5, 100]]
COMPUTED = {
    "vit": (lambda: VisionTransformer(32, 8, 2, 3, 12, 20, num_classes=4), [[2, 3, 32, 32]]),
    "vit with convolutions": (
        lambda: VisionTransformer(
            32,
            8,
            1,
            3,
            12,
            20,
            num_classes=4,
            representation_size=9,
            conv_stem_configs=[ConvStemConfig(5, 3, 2), ConvStemConfig(6, 3, 4, activation_layer=nn.SiLU)],
        ),
        [[2, 3, 32, 32]],
    ),
    "swin": (swin, SWIN_INPUTS),
    "swin v2": (lambda: swin(**V2), SWIN_INPUTS),
    "maxvit": (
        lambda: MaxVit((48, 48), 8, 3, [8, 12], [2, 1], 4, 0.2, num_classes=3, expansion_ratio=2.5, mlp_ratio=2),
        [[1, 3, 48, 48], [2, 3, 47, 47]],
    ),
}

POSITIONS = [(64, 8, "bicubic"), (24, 8, "bicubic"), (60, 8, "bilinear"), (36, 8, "bicubic")]


def noise(count, stream):
    """Numbers in [-1, 1) that the test computes too."""
    x = torch.sin(torch.arange(count, dtype=torch.float64) * 12.9898 + stream * 78.233) * 43758.5453
    return 2 * (x - torch.floor(x)) - 1


def fill(model):
    """Values for all weights, by their places in the state dict."""
    for stream, (name, t) in enumerate(model.state_dict().items()):
        if t.dtype == torch.int64 or name.endswith("relative_coords_table"):
            continue
        values = noise(t.numel(), stream).reshape(t.shape)
        if name.endswith("logit_scale"):
            values = 2 + 3 * values  # one beyond the largest scale, log(100)
        elif name.endswith("running_var") or (t.ndim == 1 and name.endswith("weight")):
            values = 1 + 0.2 * values
        elif t.ndim >= 2 and name.endswith("weight"):
            values = values * (3 / t[0].numel()) ** 0.5
        else:
            values = 0.3 * values
        t.copy_(values.float())


def structure(model):
    state = [[name, str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in model.state_dict().items()]
    return {"state": state, "tree": str(model)}


def numbers(t):
    return [float(f"{x:.7g}") for x in t.detach().double().flatten().tolist()]


def run(model, shape):
    """Logits, and for each parameter and the input the norm of its gradient and the sum over it with weights."""
    x = noise(torch.Size(shape).numel(), 1000).reshape(shape).float().double().requires_grad_()
    model.zero_grad(set_to_none=True)
    y = model(x)
    (y * noise(y.numel(), 1001).reshape(y.shape)).sum().backward()
    tensors = [("<input>", x), *model.named_parameters()]
    gradients = [[n, *numbers(torch.stack([t.grad.norm(), (t.grad.flatten() @ noise(t.numel(), 1002))]))] for n, t in tensors]
    return {"shape": shape, "logits": numbers(y), "gradients": gradients}


def compute(build, shapes):
    model = build().eval()
    with torch.no_grad():
        fill(model)
    seen = structure(model)
    model.double()
    return {**seen, "runs": [run(model, shape) for shape in shapes]}


def positions(image_size, patch_size, mode):
    state = {"encoder.pos_embedding": noise(17 * 3, 0).reshape(1, 17, 3).float()}
    resized = interpolate_embeddings(image_size, patch_size, state, interpolation_mode=mode)["encoder.pos_embedding"]
    return {"arguments": [image_size, patch_size, mode], "shape": list(resized.shape), "values": numbers(resized)}


recorded = {
    "structure": {name: structure(build()) for name, build in STRUCTURE.items()},
    "computed": {name: compute(*case) for name, case in COMPUTED.items()},
    "positions": [positions(*case) for case in POSITIONS],
}
path = Path(__file__).with_suffix(".json.gz")
path.write_bytes(gzip.compress(json.dumps(recorded, separators=(",", ":")).encode(), mtime=0))
