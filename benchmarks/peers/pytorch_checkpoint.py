"""What the PyTorch peer does for a checkpoint task (see tasks.d.ts), and a digest of what came of it.

Run as a program it is the process in which such a task is the first thing done: pytorch_checkpoint.py '<task>' prints the
milliseconds that it took, imports apart.
"""

import hashlib
import json
import subprocess
import sys
import time

import torch


def cannot(task):
    """Why there is no figure for a task, or None."""
    if task["action"] == "inspect":
        return "torch.load has no way to list tensors without reading them"
    if task["action"] == "loadSafetensors":
        return "torch reads no safetensors"
    return None


def perform(task, state=None):
    if task["action"] == "read":
        with open(task["file"], "rb") as file:
            return file.read()
    if task["action"] == "load":
        return torch.load(task["file"])
    return torch.save(state, task["target"])


def digest(task, result):
    if task["action"] == "read":
        return hashlib.sha256(result).hexdigest()
    hash = hashlib.sha256()
    state = torch.load(task["target"]) if task["action"] == "save" else result
    for name, tensor in sorted(state.items()):
        hash.update(f"{name} [{','.join(map(str, tensor.shape))}]\n".encode())
        hash.update(tensor.contiguous().numpy())
    return hash.hexdigest()


def in_process(task):
    """Milliseconds of a task that is the first of a process, or of the whole process."""
    start = time.perf_counter()
    printed = subprocess.run([sys.executable, __file__, json.dumps(task)], check=True, stdout=subprocess.PIPE).stdout
    return float(printed) if task["process"] == "first" else (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    start = time.perf_counter()
    perform(task)
    print((time.perf_counter() - start) * 1e3)
