"""Writes families-a.json.gz: what torchvision 0.14 builds for the options that families-a.test.ts tries, and how its
parameters are spread before training."""

import gzip
import json
import warnings
from pathlib import Path

import torch
from torch import nn
from torchvision import models
from torchvision.models.densenet import DenseNet
from torchvision.models.mnasnet import MNASNet

warnings.simplefilter("ignore")
torch.set_num_threads(1)


def mnasnet_of_version_1(alpha):
    """A model that a file of version 1 was loaded into, its first layers as wide as those of alpha 1."""
    current, fixed = MNASNet(alpha, num_classes=3), MNASNet(1.0, num_classes=3).state_dict()
    state = current.state_dict()
    first_block = ("layers.8.0.layers.0.", "layers.8.0.layers.1.", "layers.8.0.layers.3.", "layers.8.0.layers.4.")
    for name in state:
        if int(name.split(".")[1]) < 8 and name.startswith("layers.") or name.startswith(first_block):
            state[name] = fixed[name]
    name = "layers.8.0.layers.6.weight"
    state[name] = torch.zeros(state[name].shape[0], *fixed[name].shape[1:])
    state._metadata[""]["version"] = 1
    current.load_state_dict(state)
    return current


MODELS = {
    "alexnet options": models.alexnet(num_classes=5, dropout=0.25),
    "vgg13_bn options": models.vgg13_bn(num_classes=7, dropout=0.1, init_weights=False),
    "squeezenet options": models.squeezenet1_1(num_classes=9, dropout=0.2),
    "densenet options": models.densenet121(num_classes=3, bn_size=2, drop_rate=0.1, memory_efficient=True),
    "densenet blocks": DenseNet(5, (2, 3), 9, num_classes=4),
    "mnasnet narrow": MNASNet(0.3, num_classes=11, dropout=0.5),
    "mnasnet version 1": mnasnet_of_version_1(0.75),
    "mobilenet narrow": models.mobilenet_v2(num_classes=6, width_mult=0.35, dropout=0.0),
    "mobilenet wide": models.mobilenet_v2(width_mult=1.4, round_nearest=1),
    "mobilenet group norm": models.mobilenet_v2(norm_layer=lambda channels: nn.GroupNorm(4, channels), num_classes=2),
    # 16 * 2.46875 is 39.5 and 24 * 3.1875 is 76.5: Python rounds to 40 and 76.
    "mobilenet stages": models.mobilenet_v2(
        inverted_residual_setting=[[1, 16, 1, 1], [2.46875, 24, 2, 2], [3.1875, 32, 1, 2]],
        round_nearest=4,
        num_classes=5,
    ),
}

# Large layers of large models, all of small ones.
SPREADS = {
    "alexnet": ("features.8.weight", "features.3.weight", "classifier.6.weight"),
    "vgg11_bn": ("features.8.weight", "features.18.weight", "classifier.6.weight", "classifier.3.bias"),
    "squeezenet1_1": None,
    "densenet121": None,
    "mnasnet0_5": None,
    "mobilenet_v2": None,
}
LEAST = 1000


def structure(model):
    state = [[name, str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in model.state_dict().items()]
    return {"state": state, "tree": str(model)}


def spread(builder, names):
    parameters = dict(getattr(models, builder)().named_parameters())
    chosen = names or [name for name, p in parameters.items() if p.numel() >= LEAST]
    # Mean, standard deviation and largest deviation.
    return [
        [name, p.mean().item(), p.std(unbiased=False).item(), (p - p.mean()).abs().max().item()]
        for name in chosen
        for p in [parameters[name].detach().double()]
    ]


record = {
    "models": {name: structure(model) for name, model in MODELS.items()},
    "spreads": {builder: spread(builder, names) for builder, names in SPREADS.items()},
}
text = json.dumps(record, separators=(",", ":"))
Path(__file__).with_suffix(".json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
