/** What is said of a name that is not loaded: what it stands for, and what the person who made the file can do instead. */

import { CheckpointError } from "../errors.js";
import { printable } from "../printable.js";

/** Modules that run programs, reach files and networks, or give access to the interpreter. */
const RUNS_CODE =
  /^(os|posix|nt|sys|subprocess|builtins|__builtin__|importlib|runpy|code|codeop|pty|shutil|socket|ctypes|operator|functools|types|pickle|_pickle|marshal|webbrowser|commands|asyncio|multiprocessing|threading|signal|pdb|timeit|urllib|http|requests|constructor)\./;

const STATE_DICT = "in Python, save its state dict instead: torch.save(model.state_dict(), path)";

const ADVICE: readonly (readonly [name: RegExp, advice: string])[] = [
  [
    /_rebuild_sparse|^torch\.(cuda\.)?sparse\./,
    "Sparse tensors are not supported: in Python, save tensor.to_dense() instead.",
  ],
  [
    /_rebuild_nested_tensor|NestedTensor$/,
    "Nested tensors are not supported: in Python, save tensor.unbind(), a tuple of its tensors, instead.",
  ],
  [
    /_rebuild_qtensor$|^torch\.(cuda\.)?Q|^torch\.per_(tensor|channel)_|^torch\.ao\.|^torch\.nn\.(intrinsic\.)?quantized|PackedParams/,
    "Quantized tensors and modules are not supported: in Python, save tensor.dequantize() for each, or the state dict " +
      "of the model before it was quantized.",
  ],
  [
    /_rebuild_meta_tensor|UninitializedParameter$|UninitializedBuffer$/,
    "It stands for a tensor without data: in Python, load or compute the weights before saving.",
  ],
  [
    /_rebuild_wrapper_subclass$/,
    "It stands for a tensor whose data only the code of its class knows: in Python, save plain tensors instead.",
  ],
  [
    /^torch\.distributed\./,
    "It is one process's part of a distributed value: in Python, gather the full state dict before saving.",
  ],
  [/^torch\.(jit|_C\.ScriptModule|fx|package|_dynamo|export)\b/, `It is a program, not weights: ${STATE_DICT}.`],
  [
    /^torch\.storage\._load_from_bytes$/,
    "It is a tensor that pickle wrote: in Python, write the file with torch.save.",
  ],
  [
    /^numpy\./,
    "Of numpy, only arrays and scalars of numbers are loaded: in Python, save numpy.asarray(value) instead.",
  ],
  [
    /^(builtins|__builtin__)\.(x?range|slice|type|object|NotImplementedType|Ellipsis|ellipsis)$/,
    "It is a Python object that is no plain data: in Python, leave it out of what is saved, or save a list.",
  ],
  [
    /^(builtins|__builtin__)\.getattr$/,
    "Nothing was run. Honest files have it where they hold a bound method, as the state of torch's OneCycleLR and SWALR " +
      "schedulers does under anneal_func, or a member of an Enum: in Python, leave it out of what is saved.",
  ],
  [RUNS_CODE, "Nothing was run. No checkpoint of weights needs this name: do not load the file in Python either."],
];

/** The error for a name that is not on the list. */
export function refusal(name: string): CheckpointError {
  const [, advice] = ADVICE.find(([pattern]) => pattern.test(name)) ?? [
    undefined,
    `The file holds a Python object of a class of its own, or a whole model, not only weights: ${STATE_DICT}.`,
  ];
  return new CheckpointError(
    "forbidden-global",
    `the file asks for ${printable(name)}, which is not loaded. ${advice}`,
  );
}
