"""What the PyTorch peer does for an `elementwise` task (see tasks.d.ts)."""

import torch
import torch.nn.functional as F


def layer_norm(x):
    weight, bias = torch.randn(x.shape[1]), torch.randn(x.shape[1])
    return lambda: F.layer_norm(x, x.shape[1:], weight, bias)


def batch_norm(x):
    weight, bias = torch.randn(x.shape[1]), torch.randn(x.shape[1])
    return lambda: F.batch_norm(x, None, None, weight, bias, training=True)


def batch_norm_step(x):
    weight, bias, given = torch.randn(x.shape[1]), torch.randn(x.shape[1]), torch.randn_like(x)
    inputs = [t.requires_grad_() for t in (x, weight, bias)]

    @torch.enable_grad()
    def run():
        y = F.batch_norm(x, None, None, weight, bias, training=True)
        return y, torch.autograd.grad(y, inputs, given)

    return run


def max_pool(x):
    return F.max_pool2d(x, 3, stride=2, padding=1)


def max_pool_grad(x):
    given = torch.randn_like(max_pool(x))
    x.requires_grad_()

    @torch.enable_grad()
    def run():
        return torch.autograd.grad(max_pool(x), x, given)

    return run


def with_other(x, shape, f):
    y = torch.randn(shape)
    return lambda: f(x, y)


WORKS = {
    "copy": lambda x: x.clone,
    "chain": lambda x: with_other(
        x, x.shape, lambda x, y: (((x * 1.5 + 0.25).relu() * 0.7 - 0.3).sigmoid() * x) + y
    ),
    "exp": lambda x: x.exp,
    "tanh": lambda x: x.tanh,
    "gelu": lambda x: lambda: F.gelu(x),
    "sum": lambda x: x.sum,
    "sumRows": lambda x: lambda: x.sum(1),
    "sumColumns": lambda x: lambda: x.sum(0),
    "sumChannels": lambda x: lambda: x.sum((0, 2, 3)),
    "softmax": lambda x: lambda: x.softmax(1),
    "layerNorm": layer_norm,
    "batchNorm": batch_norm,
    "batchNormStep": batch_norm_step,
    "transpose": lambda x: lambda: x.t().contiguous(),
    "channelsLast": lambda x: lambda: x.permute(0, 2, 3, 1).contiguous(),
    "addRow": lambda x: with_other(x, [x.shape[1]], torch.add),
    "addChannel": lambda x: with_other(x, [x.shape[1], 1, 1], torch.add),
    "cat": lambda x: with_other(x, x.shape, lambda x, y: torch.cat([x, y], 1)),
    "maxPool": lambda x: lambda: max_pool(x),
    "maxPoolGrad": max_pool_grad,
    "avgPool": lambda x: lambda: F.avg_pool2d(x, 2),
    "globalAvgPool": lambda x: lambda: x.mean((2, 3)),
}


def prepare(task):
    return WORKS[task["work"]](torch.randn(task["shape"]))
