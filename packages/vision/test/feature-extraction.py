"""Writes feature-extraction.json.gz: nodes, features and costs of torchvision 0.14, for the tests of surgery."""

import dis
import gzip
import inspect
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.fx
from torchvision import models
from torchvision.models.feature_extraction import NodePathTracer, _get_leaf_modules_for_ops, create_feature_extractor

torch.set_num_threads(1)


def unpack(proxy):
    """`a, b = proxy`: torch 1.13 finds the instruction by its number, which is not its place since Python 3.11."""
    frame = inspect.currentframe().f_back
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset == frame.f_lasti and instruction.opname == "UNPACK_SEQUENCE":
            return (proxy[i] for i in range(instruction.argval))
    return proxy.tracer.iter(proxy)


torch.fx.Proxy.__iter__ = unpack

# A builder of each family, with nodes at which an extractor ends.
ENDS = {
    "alexnet": ["features.5"],
    "vgg11_bn": ["features.14", "classifier.3"],
    "resnet18": ["layer3"],
    "resnet50": ["layer1.0.relu_1", "layer2.1.conv2"],
    "squeezenet1_1": ["features.5", "features.9.expand3x3"],
    "densenet121": ["features.denseblock2", "features.transition2.conv"],
    "inception_v3": ["Mixed_6a"],
    "googlenet": ["inception4a", "inception4c"],
    "shufflenet_v2_x0_5": ["stage3"],
    "mobilenet_v2": ["features.7"],
    "mobilenet_v3_small": ["features.4.block.2", "features.7"],
    "mnasnet0_5": ["layers.9"],
    "efficientnet_b0": ["features.3", "avgpool"],
    "regnet_y_400mf": ["trunk_output.block2"],
    "convnext_tiny": ["features.3", "features.5.4"],
    # Later blocks assert something, so torch.fx keeps them.
    "vit_b_32": [],
    "swin_t": ["features.3.1.mlp"],
    "swin_v2_t": ["features.1"],
    # torch.fx takes the indices of its position biases for constants.
    "maxvit_t": [],
}

LEAVES = tuple(_get_leaf_modules_for_ops())

# Of an extractor of ResNet-18 whose values are `fill`ed.
FEATURES = ["relu", "layer1", "layer2.0.relu", "layer2.0.relu_1", "layer3.1.conv2", "avgpool"]


def unit(stream, count):
    """`count` numbers in [-1, 1), the same here and in the test."""
    x = np.arange(1, count + 1, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(stream * 40503 % 2**32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x45D9F3B)
    x = x ^ (x >> np.uint32(16))
    return x.astype(np.float64) / 2**31 - 1


def fill(model):
    state = model.state_dict()
    for stream, (name, t) in enumerate(state.items()):
        u = unit(stream, t.numel())
        if t.ndim > 1:
            u = u * np.sqrt(6 / t[0].numel())
        elif name.endswith(("running_var", "weight")):
            u = 1 + u / 4
        elif t.ndim == 1:
            u = u / 8
        else:
            u = np.zeros(1)
        t.copy_(torch.tensor(u).reshape(t.shape))
    model.load_state_dict(state)


def calls_of_modules(model):
    """Paths of the modules that a forward in evaluation mode calls, but for attention, which gives two tensors."""
    graph = NodePathTracer(leaf_modules=LEAVES).trace(model.eval())
    paths = [node.target for node in graph.nodes if node.op == "call_module"]
    return [path for path in paths if not isinstance(model.get_submodule(path), torch.nn.MultiheadAttention)]


def features():
    model = models.resnet18()
    with torch.no_grad():
        fill(model)
    x = torch.tensor(unit(1000, 2 * 3 * 64 * 64), dtype=torch.float32).reshape(2, 3, 64, 64)
    result = {}
    for mode in ["eval", "train"]:
        model.train(mode == "train")
        with torch.no_grad():
            outputs = create_feature_extractor(model, FEATURES)(x)
        flat = {name: y.flatten().numpy() for name, y in outputs.items()}
        result[mode] = {
            name: {
                "shape": list(outputs[name].shape),
                "mean": float(y.mean(dtype=np.float64)),
                "values": [float(v) for v in y[:: max(1, y.size // 16)]],
            }
            for name, y in flat.items()
        }
    return result


def multiply_adds(name):
    """Of the convolutions and linear layers that a forward at 224 calls, which is all in networks without attention."""
    model = build(name).eval().to("meta")
    total = 0

    def count(layer, _, y):
        nonlocal total
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            total += y.numel() * layer.weight[0].numel()

    for layer in model.modules():
        layer.register_forward_hook(count)
    model(torch.empty(1, 3, 224, 224, device="meta"))
    return total


def build(name):
    slow = name in ("googlenet", "inception_v3")
    return models.get_model(name, weights=None, **({"init_weights": False} if slow else {}))


def main():
    nodes, states = {}, {}
    for name, ends in ENDS.items():
        model = build(name)
        nodes[name] = calls_of_modules(model)
        states[name] = {end: list(create_feature_extractor(model, [end]).state_dict()) for end in ends}
        print(name, len(nodes[name]), file=sys.stderr)
    values = features()
    for name in [name for name in dir(torch.nn.init) if name.endswith("_") and not name.startswith("_")]:
        setattr(torch.nn.init, name, lambda t, *_, **__: t)
    attention = ("vit", "swin", "maxvit")
    costs = {name: multiply_adds(name) for name in models.list_models(models) if not name.startswith(attention)}
    text = json.dumps({"nodes": nodes, "states": states, "features": values, "multiplyAdds": costs}, separators=(",", ":"))
    Path(__file__).with_suffix(".json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


main()
