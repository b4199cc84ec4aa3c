/** Files that we write are torch's: byte for byte where no Python is at hand, and read by real torch where it is. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Float, load, OrderedDict, save, toBytes, tuple } from "@kindling/checkpoint";
import { fromHost, type Tensor } from "@kindling/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesSource } from "../dist/source.js";
import { readDirectory } from "../dist/zip/directory.js";
import { describeValue } from "./described.js";
import { hasTorch, TorchOracle } from "./torch-oracle.js";

const folder = mkdtempSync(join(tmpdir(), "kindling-torch-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const float = (values: number[], shape = [values.length]): Tensor => fromHost(Float32Array.from(values), shape);

function stateDict(): OrderedDict<string, Tensor> {
  const state = new OrderedDict<string, Tensor>([
    ["0.weight", float([1, 2, 3, 4, 5, 6], [2, 3])],
    ["0.bias", float([0.5, -0.5])],
    ["1.num_batches_tracked", fromHost(BigInt64Array.of(7n), [], "int64")],
  ]);
  state.metadata = new Map([
    ["", new Map([["version", 1]])],
    ["1", new Map([["version", 2]])],
  ]);
  return state;
}

describe("the archive, without Python", () => {
  it("has torch's members, stored, each on a multiple of 64 bytes", async () => {
    const bytes = await toBytes(stateDict());
    const members = [...(await readDirectory(bytesSource(bytes))).values()];
    expect(members.map(({ name }) => name)).toEqual([
      "archive/data.pkl",
      "archive/byteorder",
      "archive/data/0",
      "archive/data/1",
      "archive/data/2",
      "archive/version",
    ]);
    const view = new DataView(bytes.buffer);
    const content = members.map(({ headerOffset, size, method }) => {
      const start =
        headerOffset + 30 + view.getUint16(headerOffset + 26, true) + view.getUint16(headerOffset + 28, true);
      expect(start % 64).toBe(0);
      expect(method).toBe(0);
      return bytes.slice(start, start + size);
    });
    const text = (data: Uint8Array) => new TextDecoder("latin1").decode(data);
    expect(text(content[1])).toBe("little");
    expect(text(content[5])).toBe("3\n");
    expect([...new Float32Array(content[2].buffer)]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...new BigInt64Array(content[4].buffer)]).toEqual([7n]);
  });

  it("holds the pickle that torch 1.13 makes of the same value, opcode for opcode", async () => {
    const bytes = await toBytes(stateDict());
    const members = await readDirectory(bytesSource(bytes));
    const length = members.get("archive/data.pkl")?.size ?? 0;
    expect(Buffer.from(bytes.subarray(64, 64 + length)).toString("latin1")).toBe(TORCH_PICKLE);
  });
});

/** `data.pkl` of torch.save for `stateDict()`, from torch 1.13. */
const TORCH_PICKLE = [
  "\u0080\u0002ccollections\nOrderedDict\nq\u0000)Rq\u0001(X\b\u0000\u0000\u00000.weightq\u0002ctorch._utils\n_rebuild_tensor_v",
  "2\nq\u0003((X\u0007\u0000\u0000\u0000storageq\u0004ctorch\nFloatStorage\nq\u0005X\u0001\u0000\u0000\u00000q\u0006X\u0003\u0000\u0000\u0000cpuq\u0007K\u0006tq\bQK\u0000K\u0002K\u0003\u0086q\tK\u0003K\u0001\u0086",
  "q\n\u0089h\u0000)Rq\u000btq\fRq\rX\u0006\u0000\u0000\u00000.biasq\u000eh\u0003((h\u0004h\u0005X\u0001\u0000\u0000\u00001q\u000fh\u0007K\u0002tq\u0010QK\u0000K\u0002\u0085q\u0011K\u0001\u0085q\u0012\u0089h\u0000)Rq\u0013tq\u0014Rq\u0015X\u0015\u0000",
  "\u0000\u00001.num_batches_trackedq\u0016h\u0003((h\u0004ctorch\nLongStorage\nq\u0017X\u0001\u0000\u0000\u00002q\u0018h\u0007K\u0001tq\u0019QK\u0000))\u0089h\u0000)Rq\u001at",
  'q\u001bRq\u001cu}q\u001dX\t\u0000\u0000\u0000_metadataq\u001e}q\u001f(X\u0000\u0000\u0000\u0000q }q!X\u0007\u0000\u0000\u0000versionq"K\u0001sX\u0001\u0000\u0000\u00001q#}q$h"K\u0002susb.',
].join("");

describe.runIf(hasTorch)("real torch", () => {
  let oracle: TorchOracle;
  // Importing torch takes seconds on a busy machine.
  beforeAll(async () => {
    oracle = new TorchOracle(folder);
    await oracle.run("pass");
  }, 300_000);
  afterAll(() => {
    oracle.close();
  });

  it("reads a state dict with weights_only, and would have written the same pickle", async () => {
    await save(stateDict(), join(folder, "state.pth"));
    await oracle.run(`
state = torch.load("state.pth", weights_only=True)
assert type(state) is collections.OrderedDict
assert list(state) == ["0.weight", "0.bias", "1.num_batches_tracked"]
assert torch.equal(state["0.weight"], torch.tensor([[1., 2, 3], [4, 5, 6]]))
assert torch.equal(state["0.bias"], torch.tensor([0.5, -0.5]))
assert state["1.num_batches_tracked"].dtype is torch.int64 and state["1.num_batches_tracked"].item() == 7
assert state._metadata == {"": {"version": 1}, "1": {"version": 2}}
torch.save(state, "again.pth")
assert zipfile.ZipFile("again.pth").read("again/data.pkl") == zipfile.ZipFile("state.pth").read("archive/data.pkl")
`);
  });

  it("finds tied weights tied, and the archive sound", async () => {
    const tied = float([1, 2, 3]);
    await save({ encoder: tied, decoder: tied, other: float([1, 2, 3]) }, join(folder, "tied.pth"));
    await oracle.run(`
state = torch.load("tied.pth", weights_only=True)
assert state["encoder"].data_ptr() == state["decoder"].data_ptr() != state["other"].data_ptr()
assert zipfile.ZipFile("tied.pth").testzip() is None
`);
  });

  it("reads back every value of a training checkpoint", async () => {
    const moment = float([1, 2]);
    await save(
      {
        epoch: 3,
        best: 0.75,
        arch: "réseau",
        raw: Uint8Array.of(0, 255, 16),
        big: 2n ** 70n,
        optimizer: {
          state: new Map([[0, { step: 10, exp_avg: moment, exp_avg_sq: moment }]]),
          param_groups: [{ lr: 0.1, betas: tuple([0.9, 0.999]), foreach: null, nesterov: false, params: [0] }],
        },
        seen: new Set([1, 2]),
      },
      join(folder, "training.pth"),
    );
    await oracle.run(`
value = torch.load("training.pth")
moment = value["optimizer"]["state"][0].pop("exp_avg")
assert value["optimizer"]["state"][0].pop("exp_avg_sq") is moment and torch.equal(moment, torch.tensor([1., 2.]))
assert value == {
  "epoch": 3, "best": 0.75, "arch": "réseau", "raw": b"\\x00\\xff\\x10", "big": 2**70,
  "optimizer": {"state": {0: {"step": 10}}, "param_groups": [
    {"lr": 0.1, "betas": (0.9, 0.999), "foreach": None, "nesterov": False, "params": [0]}]},
  "seen": {1, 2}}, value
`);
  });

  it("finds floats where Float says so, and tuples in frozen arrays", async () => {
    await save({ whole: new Float(1), pair: Object.freeze([1, 2]), list: [1, 2] }, join(folder, "python.pth"));
    await oracle.run(`
value = torch.load("python.pth")
assert repr(value) == "{'whole': 1.0, 'pair': (1, 2), 'list': [1, 2]}", value
`);
  });

  it("continues a run of Adam from our file, and we read the state it writes", async () => {
    await oracle.run(`
torch.manual_seed(0)
p = torch.nn.Parameter(torch.ones(3))
o = torch.optim.Adam([p], lr=0.5)
p.grad = torch.tensor([1., 2., 3.]); o.step()
torch.save({"p": p.detach(), "o": o.state_dict()}, "adam.pth")
o.step(); torch.save(p.detach(), "expected.pth")
`);
    await save(await load(join(folder, "adam.pth")), join(folder, "ours.pth"));
    await oracle.run(`
saved = torch.load("ours.pth")
p = torch.nn.Parameter(saved["p"])
o = torch.optim.Adam([p], lr=0.5)
o.load_state_dict(saved["o"])
p.grad = torch.tensor([1., 2., 3.]); o.step()
assert torch.equal(p.detach(), torch.load("expected.pth"))
`);
  });

  it("writes views, shared storages and old formats that we read to equal tensors", async () => {
    await oracle.run(`
base = torch.arange(24, dtype=torch.float64).reshape(4, 6)
views = [base, base.t(), base[1:3, ::2], base[:, 3], base[2].expand(3, 6), base.flip(0), base.reshape(2, 2, 6).permute(2, 0, 1)]
torch.save(views, "views.pth")
torch.save(views, "views.legacy.pth", _use_new_zipfile_serialization=False)
torch.save([view.contiguous().clone() for view in views], "compact.pth")
`);
    const described = async (name: string) => describeValue(await load(join(folder, name)));
    const compact = await described("compact.pth");
    expect(await described("views.pth")).toEqual(compact);
    expect(await described("views.legacy.pth")).toEqual(compact);
  });
});
