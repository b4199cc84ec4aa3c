"""Writes a network of torchvision as an ONNX model, eval mode, random weights: export_onnx.py resnet18 8 224 path"""

import os
import sys
import warnings

import torch
import torchvision

warnings.simplefilter("ignore")
name, batch, size, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
model = getattr(torchvision.models, name)().eval()
# Another process may want the same file: it appears whole or not at all.
partial = f"{path}.{os.getpid()}"
# 17 is the first that knows layer norm; constant folding joins batch norms to their convolutions.
torch.onnx.export(model, torch.randn(batch, 3, size, size), partial, input_names=["x"], opset_version=17)
os.replace(partial, path)
