"""Writes torchvision.json.gz: what torchvision 0.14 builds, starts from and computes, for the tests beside this file."""

import gzip
import json
import warnings
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.densenet import DenseNet
from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig
from torchvision.models.maxvit import MaxVit
from torchvision.models.mnasnet import MNASNet
from torchvision.models.regnet import BlockParams, RegNet
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2
from torchvision.models.vision_transformer import ConvStemConfig, VisionTransformer, interpolate_embeddings

warnings.simplefilter("ignore")
torch.set_num_threads(1)
torch.manual_seed(0)

V2 = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}


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


# Models that are not as their builders make them by default; optioned.ts builds the same.
OPTIONED = {
    "alexnet options": lambda: models.alexnet(num_classes=5, dropout=0.25),
    "vgg13_bn options": lambda: models.vgg13_bn(num_classes=7, dropout=0.1, init_weights=False),
    "squeezenet options": lambda: models.squeezenet1_1(num_classes=9, dropout=0.2),
    "resnet dilated": lambda: models.resnet50(replace_stride_with_dilation=[False, True, True], num_classes=7),
    "resnet group norm": lambda: models.resnet18(norm_layer=partial(nn.GroupNorm, 8)),
    "densenet options": lambda: models.densenet121(num_classes=3, bn_size=2, drop_rate=0.1, memory_efficient=True),
    "densenet blocks": lambda: DenseNet(5, (2, 3), 9, num_classes=4),
    "mnasnet narrow": lambda: MNASNet(0.3, num_classes=11, dropout=0.5),
    "mnasnet version 1": lambda: mnasnet_of_version_1(0.75),
    "mobilenet_v2 narrow": lambda: models.mobilenet_v2(num_classes=6, width_mult=0.35, dropout=0.0),
    "mobilenet_v2 wide": lambda: models.mobilenet_v2(width_mult=1.4, round_nearest=1),
    "mobilenet_v2 group norm": lambda: models.mobilenet_v2(norm_layer=partial(nn.GroupNorm, 4), num_classes=2),
    # 16 * 2.46875 is 39.5 and 24 * 3.1875 is 76.5: Python rounds to 40 and 76.
    "mobilenet_v2 stages": lambda: models.mobilenet_v2(
        inverted_residual_setting=[[1, 16, 1, 1], [2.46875, 24, 2, 2], [3.1875, 32, 1, 2]],
        round_nearest=4,
        num_classes=5,
    ),
    "mobilenet_v3 reduced": lambda: models.mobilenet_v3_small(reduced_tail=True, dilated=True, num_classes=3),
    "mobilenet_v3 half": lambda: models.mobilenet_v3_large(width_mult=0.5),
    "googlenet without aux": lambda: models.googlenet(
        aux_logits=False, num_classes=7, dropout=0.3, init_weights=False
    ),
    "googlenet dropout": lambda: models.googlenet(num_classes=7, dropout=0.3, dropout_aux=0.1, init_weights=False),
    "inception without aux": lambda: models.inception_v3(
        aux_logits=False, num_classes=7, dropout=0.3, init_weights=False
    ),
    "efficientnet options": lambda: models.efficientnet_b1(
        num_classes=5, stochastic_depth_prob=0.5, norm_layer=partial(nn.GroupNorm, 8)
    ),
    "efficientnet stages": lambda: EfficientNet(
        [FusedMBConvConfig(2, 3, 1, 16, 24, 2), MBConvConfig(3.5, 5, 2, 24, 40, 2)],
        dropout=0.7,
        stochastic_depth_prob=0.1,
        last_channel=100,
        num_classes=3,
    ),
    "convnext options": lambda: models.convnext_tiny(
        num_classes=4, stochastic_depth_prob=0.3, norm_layer=partial(nn.GroupNorm, 1)
    ),
    "convnext stages": lambda: ConvNeXt([CNBlockConfig(8, 16, 2), CNBlockConfig(16, 24, 1)], num_classes=3),
    "regnet options": lambda: models.regnet_y_400mf(
        num_classes=4, stem_width=16, activation=nn.SiLU, norm_layer=partial(nn.BatchNorm2d, eps=1e-3)
    ),
    "regnet stages": lambda: RegNet(
        BlockParams([1, 2], [24, 48], [8, 12], [1.5, 0.5], [1, 2], 0.3), num_classes=3
    ),
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

# depth, w_0, w_a, w_m, group_width, bottleneck_multiplier; 40 * 1.7 / 8 is 8.5, which torch rounds to 8.
REGNET_DESIGNS = [
    (9, 16, 11.5, 2.1, 10, 0.7),
    (8, 40, 20.0, 1.7, 8, 1.0),
    (6, 8, 0.0, 2.0, 8, 1.0),
    (25, 88, 26.31, 2.25, 48, 0.25),
    (7, 24, 8.0, 2.5, 7, 2.0),
]

# Parameters of every way in which a family makes its initial values; initial-values.test.ts builds the same.
LAST_MAXVIT = "blocks.3.layers.0.layers"
VIT_LAYER = "encoder.layers.encoder_layer_3"
REGNET_BLOCK = "trunk_output.block4.block4-1.f"
INITIAL_VALUES = {
    "alexnet": (partial(models.alexnet, num_classes=10), ["features.8.weight", "features.3.bias", "classifier.6.weight"]),
    "vgg11_bn": (partial(models.vgg11_bn, num_classes=10), ["features.8.weight", "features.8.bias", "classifier.6.weight", "classifier.3.bias"]),
    "vgg11 as layers": (partial(models.vgg11, num_classes=10, init_weights=False), ["features.3.weight", "classifier.6.weight"]),
    "squeezenet1_1": (models.squeezenet1_1, ["features.3.expand3x3.weight", "features.12.squeeze.bias", "classifier.1.weight"]),
    "resnet18": (
        partial(models.resnet18, zero_init_residual=True),
        ["layer1.0.conv1.weight", "layer4.0.downsample.0.weight", "layer1.0.bn1.weight", "layer1.0.bn2.weight", "fc.weight", "fc.bias"],
    ),
    "densenet121": (
        models.densenet121,
        ["features.denseblock3.denselayer7.conv2.weight", "features.transition1.conv.weight", "classifier.weight", "classifier.bias"],
    ),
    "mnasnet0_5": (models.mnasnet0_5, ["layers.10.1.layers.3.weight", "layers.14.weight", "classifier.1.weight", "classifier.1.bias"]),
    "mobilenet_v2": (models.mobilenet_v2, ["features.8.conv.1.0.weight", "features.18.0.weight", "classifier.1.weight", "classifier.1.bias"]),
    "mobilenet_v3_small": (
        models.mobilenet_v3_small,
        ["features.9.block.1.0.weight", "features.4.block.2.fc1.weight", "features.4.block.2.fc1.bias", "classifier.0.weight", "classifier.3.bias"],
    ),
    "shufflenet_v2_x0_5": (models.shufflenet_v2_x0_5, ["conv5.0.weight", "fc.weight", "fc.bias"]),
    "googlenet": (
        partial(models.googlenet, init_weights=True),
        ["inception4e.branch2.1.conv.weight", "aux1.fc2.weight", "fc.weight", "fc.bias"],
    ),
    "googlenet as layers": (partial(models.googlenet, init_weights=False), ["inception4e.branch2.1.conv.weight", "fc.weight"]),
    "inception_v3": (
        partial(models.inception_v3, init_weights=True),
        ["Mixed_6e.branch7x7_2.conv.weight", "AuxLogits.conv1.conv.weight", "AuxLogits.fc.weight", "fc.weight", "fc.bias"],
    ),
    "efficientnet_b0": (
        models.efficientnet_b0,
        ["features.6.1.block.1.0.weight", "features.6.0.block.2.fc1.weight", "features.6.0.block.2.fc1.bias", "classifier.1.weight", "classifier.1.bias"],
    ),
    "convnext_tiny": (
        models.convnext_tiny,
        ["features.1.0.layer_scale", "features.7.0.block.0.weight", "features.7.0.block.0.bias", "features.5.0.block.3.weight", "classifier.2.weight", "classifier.2.bias"],
    ),
    "regnet_y_400mf": (
        models.regnet_y_400mf,
        [f"{REGNET_BLOCK}.b.0.weight", f"{REGNET_BLOCK}.se.fc1.weight", f"{REGNET_BLOCK}.se.fc1.bias", "fc.weight", "fc.bias"],
    ),
    "vit_b_32": (
        partial(models.vit_b_32, representation_size=200),
        [
            "class_token",
            "conv_proj.weight",
            "conv_proj.bias",
            "encoder.pos_embedding",
            f"{VIT_LAYER}.self_attention.in_proj_weight",
            f"{VIT_LAYER}.self_attention.in_proj_bias",
            f"{VIT_LAYER}.self_attention.out_proj.weight",
            f"{VIT_LAYER}.mlp.0.weight",
            f"{VIT_LAYER}.mlp.0.bias",
            "heads.pre_logits.weight",
            "heads.pre_logits.bias",
            "heads.head.weight",
            "heads.head.bias",
        ],
    ),
    "vit with convolutions": (
        partial(models.vit_b_32, conv_stem_configs=[ConvStemConfig(48, 3, 32)]),
        ["conv_proj.conv_bn_relu_0.0.weight", "conv_proj.conv_last.weight", "conv_proj.conv_last.bias"],
    ),
    "swin_t": (
        models.swin_t,
        ["features.0.0.weight", "features.7.0.attn.relative_position_bias_table", "features.2.reduction.weight", "features.1.1.mlp.3.bias"],
    ),
    "swin_v2_t": (
        models.swin_v2_t,
        [
            "features.1.0.attn.logit_scale",
            "features.1.0.attn.qkv.weight",
            "features.1.0.attn.qkv.bias",
            "features.1.0.attn.cpb_mlp.0.weight",
            "features.1.0.attn.cpb_mlp.0.bias",
            "features.1.1.mlp.3.weight",
            "features.1.1.mlp.3.bias",
            "head.weight",
            "head.bias",
        ],
    ),
    "maxvit_t": (
        models.maxvit_t,
        [
            "stem.1.0.weight",
            f"{LAST_MAXVIT}.MBconv.layers.conv_c.weight",
            f"{LAST_MAXVIT}.MBconv.layers.conv_c.bias",
            f"{LAST_MAXVIT}.grid_attention.attn_layer.1.relative_position_bias_table",
            f"{LAST_MAXVIT}.grid_attention.mlp_layer.1.weight",
            f"{LAST_MAXVIT}.grid_attention.mlp_layer.1.bias",
            "classifier.5.weight",
        ],
    ),
}


def swin(**kwargs):
    return SwinTransformer([2, 4], 12, [1, 2], [2, 3], [3, 5], stochastic_depth_prob=0.05, num_classes=3, **kwargs)


# Small models with the shapes of inputs: maps of some windows, padded or not, of one, and narrower than one.
SWIN_INPUTS = [[2, 3, 24, 80], [1, 3, 26, 82], [1, 3, 6, 20], [2, 3, 2, 4], [1, 3, 5, 100]]
ATTENTION = {
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


def structure(model):
    state = [[name, str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in model.state_dict().items()]
    return {"state": state, "tree": str(model), "parameters": sum(p.numel() for p in model.parameters())}


def stages(depth, w_0, w_a, w_m, group_width, bottleneck_multiplier):
    params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group_width, bottleneck_multiplier)
    return {"depths": params.depths, "widths": params.widths, "groupWidths": params.group_widths}


def spread(p):
    """Mean, standard deviation and largest deviation. Where its uniform number is exactly -1 or 1, torch's truncated
    normal gives the bound, a hundred deviations off; such values, at most a few of a million, are left out."""
    p = p.detach().double()
    p = p[p.abs() != 2]
    return [p.mean().item(), p.std(unbiased=False).item(), (p - p.mean()).abs().max().item()]


def initial_values(build, names):
    parameters = dict(build().named_parameters())
    return [[name, *spread(parameters[name])] for name in names]


def noise(count, stream):
    """Numbers in [-1, 1) that the tests compute too."""
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


def numbers(t):
    return [float(f"{x:.7g}") for x in t.detach().double().flatten().tolist()]


def run(model, shape):
    """Logits, and for each parameter and the input the norm of its gradient and the sum over it with weights."""
    x = noise(torch.Size(shape).numel(), 1000).reshape(shape).float().double().requires_grad_()
    model.zero_grad(set_to_none=True)
    y = model(x)
    (y * noise(y.numel(), 1001).reshape(y.shape)).sum().backward()
    gradients = [
        [name, *numbers(torch.stack([t.grad.norm(), t.grad.flatten() @ noise(t.numel(), 1002)]))]
        for name, t in [("<input>", x), *model.named_parameters()]
    ]
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
    "builders": {name: structure(models.get_model(name)) for name in models.list_models(module=models)},
    "optioned": {name: structure(build()) for name, build in OPTIONED.items()},
    "regnetDesigns": [[list(design), stages(*design)] for design in REGNET_DESIGNS],
    "initialValues": {name: initial_values(*case) for name, case in INITIAL_VALUES.items()},
    "attention": {name: compute(*case) for name, case in ATTENTION.items()},
    "positions": [positions(*case) for case in POSITIONS],
}
text = json.dumps(recorded, separators=(",", ":"))
Path(__file__).with_name("torchvision.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
