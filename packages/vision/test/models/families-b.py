"""Writes families-b.json.gz: what torchvision 0.14 builds for the options that families-b.test.ts tries."""

import gzip
import json
import warnings
from functools import partial
from pathlib import Path

from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig
from torchvision.models.regnet import BlockParams, RegNet

warnings.simplefilter("ignore")

MODELS = {
    "googlenet without aux": models.googlenet(aux_logits=False, num_classes=7, dropout=0.3, init_weights=False),
    "googlenet dropout": models.googlenet(num_classes=7, dropout=0.3, dropout_aux=0.1, init_weights=False),
    "inception without aux": models.inception_v3(aux_logits=False, num_classes=7, dropout=0.3, init_weights=False),
    "efficientnet options": models.efficientnet_b1(
        num_classes=5, stochastic_depth_prob=0.5, norm_layer=partial(nn.GroupNorm, 8)
    ),
    "efficientnet stages": EfficientNet(
        [FusedMBConvConfig(2, 3, 1, 16, 24, 2), MBConvConfig(3.5, 5, 2, 24, 40, 2)],
        dropout=0.7,
        stochastic_depth_prob=0.1,
        last_channel=100,
        num_classes=3,
    ),
    "convnext options": models.convnext_tiny(
        num_classes=4, stochastic_depth_prob=0.3, norm_layer=partial(nn.GroupNorm, 1)
    ),
    "convnext stages": ConvNeXt([CNBlockConfig(8, 16, 2), CNBlockConfig(16, 24, 1)], num_classes=3),
    "regnet options": models.regnet_y_400mf(
        num_classes=4, stem_width=16, activation=nn.SiLU, norm_layer=partial(nn.BatchNorm2d, eps=1e-3)
    ),
    "regnet stages": RegNet(BlockParams([1, 2], [24, 48], [8, 12], [1.5, 0.5], [1, 2], 0.3), num_classes=3),
}

# depth, w_0, w_a, w_m, group_width, bottleneck_multiplier; 40 * 1.7 / 8 is 8.5, which torch rounds to 8.
DESIGNS = [
    (9, 16, 11.5, 2.1, 10, 0.7),
    (8, 40, 20.0, 1.7, 8, 1.0),
    (6, 8, 0.0, 2.0, 8, 1.0),
    (25, 88, 26.31, 2.25, 48, 0.25),
    (7, 24, 8.0, 2.5, 7, 2.0),
]


def structure(model):
    state = [[name, str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in model.state_dict().items()]
    return {"state": state, "tree": str(model)}


def stages(depth, w_0, w_a, w_m, group_width, bottleneck_multiplier):
    params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group_width, bottleneck_multiplier)
    return {"depths": params.depths, "widths": params.widths, "groupWidths": params.group_widths}


record = {
    "models": {name: structure(model) for name, model in MODELS.items()},
    "designs": [[list(design), stages(*design)] for design in DESIGNS],
}
text = json.dumps(record, separators=(",", ":"))
Path(__file__).with_suffix(".json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
