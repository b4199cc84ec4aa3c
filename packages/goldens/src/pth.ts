/**
 * Weight files: those that must load to known values, those that must be refused, and those that may be either, but
 * quickly and without harm. `pth/expected.json` lists them.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { CheckpointError, load, OrderedDict, Size, TorchDevice, TorchDtype, Tuple } from "@kindling/checkpoint";
import { convertHost, type DType, dtypeInfo, Tensor, type TypedArray } from "@kindling/core";
import { fillEntry } from "./fill.js";

/** One value as the fixtures write it. */
type Expected =
  | { t: "tensor"; dtype: string; shape: number[]; crc32: number; samples?: [number, Sample][] }
  | { t: "dict" | "ordereddict"; items: [Expected, Expected][]; metadata?: [string, [string, number][]][] }
  | { t: "list" | "tuple" | "set"; v: Expected[] }
  | { t: "size"; v: number[] }
  | { t: "int" | "float"; v: number | string }
  | { t: "str" | "torch.dtype" | "torch.device"; v: string }
  | { t: "bytes"; hex: string }
  | { t: "const"; v: boolean | null };

type Sample = number | boolean | string | [number, number];

type Entry = [name: string, dtype: string, shape: number[], crc32: number, samples: Sample[]];

interface OptimizerState {
  /** The options of its one group; of `params`, the length. */
  param_groups: [string, number | boolean | null][];
  state_keys: string[];
  state_len: number;
  /** The state of the first parameter. */
  state0: [string, Expected][];
}

interface ListedFile {
  file: string;
  expect: "ok" | "error" | "ok_or_error";
  kind?: string | null;
  global_name?: string;
  value?: Expected;
  entries?: Entry[];
  fill?: { seed: number; gain: number };
  top_keys?: string[];
  optimizer?: OptimizerState;
}

/** Most processor time that a file may take, in milliseconds: what the machine does besides does not count. */
const PATIENCE = 3000;

const DTYPES: Readonly<Record<string, string>> = {
  f64: "float64",
  f32: "float32",
  f16: "float16",
  bf16: "bfloat16",
  i64: "int64",
  i32: "int32",
  i16: "int16",
  i8: "int8",
  u8: "uint8",
  u16: "uint16",
  u32: "uint32",
  u64: "uint64",
  bool: "bool",
  c32: "complex32",
  c64: "complex64",
  c128: "complex128",
};

/** Checks every file listed in `<dir>/pth/expected.json`, and calls `report` once for each. */
export async function runPth(dir: string, report: (name: string, error?: Error) => void): Promise<void> {
  const listing = JSON.parse(await readFile(join(dir, "pth", "expected.json"), "utf8")) as { files: ListedFile[] };
  for (const listed of listing.files) {
    try {
      await checkFile(join(dir, "pth", listed.file), listed);
      report(listed.file);
    } catch (error) {
      report(listed.file, error as Error);
    }
  }
}

function fail(message: string): never {
  throw new Error(message);
}

async function checkFile(path: string, listed: ListedFile): Promise<void> {
  const prototype = snapshot();
  const start = process.cpuUsage();
  let value: unknown;
  let refusal: unknown;
  try {
    value = await load(path);
  } catch (error) {
    refusal = error;
  }
  const { user, system } = process.cpuUsage(start);
  const elapsed = (user + system) / 1000;
  if (elapsed > PATIENCE) fail(`took ${Math.round(elapsed)} ms of processor time`);
  if (snapshot() !== prototype) fail("something was added to Object.prototype");
  if (refusal !== undefined) return checkRefusal(refusal, listed);
  if (listed.expect === "error") fail(`was loaded, but must be refused (${listed.kind})`);
  if (listed.value) compare(value, listed.value, "value");
  if (listed.entries) checkModel(value, listed);
}

const snapshot = (): string =>
  [Object, Array, Map, Function].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype)).join();

function checkRefusal(error: unknown, listed: ListedFile): void {
  if (!(error instanceof CheckpointError)) fail(`threw ${String(error)}, which is no CheckpointError`);
  if (listed.expect === "ok") throw error;
  if (listed.global_name && !error.message.includes(listed.global_name))
    fail(`the message does not name ${listed.global_name}: ${error.message}`);
}

/** A state dict, at the top or under `state_dict`, whose numbers are those of the fill. */
function checkModel(value: unknown, listed: ListedFile): void {
  if (!(value instanceof Map)) fail("is no dict");
  if (listed.top_keys && [...value.keys()].join() !== listed.top_keys.join()) fail(`has the keys ${[...value.keys()]}`);
  const state: unknown = listed.top_keys ? value.get("state_dict") : value;
  if (!(state instanceof Map)) fail("has no state dict");
  const entries = listed.entries ?? [];
  if ([...state.keys()].join() !== entries.map(([name]) => name).join()) fail("has other names, or another order");
  for (const [name, dtype, shape, crc, samples] of entries) {
    const length = product(shape);
    const places = [0, Math.floor(length / 3), Math.floor((2 * length) / 3), length - 1];
    const paired = samples.map((sample, i): [number, Sample] => [places[i], sample]);
    compare(state.get(name), { t: "tensor", dtype, shape, crc32: crc, samples: paired }, name);
    if (listed.fill) checkFill(state.get(name), name.replace(/^module\./, ""), shape, listed.fill);
  }
  if (listed.optimizer) checkOptimizer(value.get("optimizer"), listed.optimizer);
}

function checkFill(tensor: unknown, name: string, shape: number[], fill: { seed: number; gain: number }): void {
  const want = fillEntry(name, shape, fill);
  const data = dataOf(tensor as Tensor);
  want?.forEach((number, i) => {
    if (Number(data[i]) !== number) fail(`${name} is ${data[i]} at ${i}, the fill gives ${number}`);
  });
}

function checkOptimizer(optimizer: unknown, want: OptimizerState): void {
  if (!(optimizer instanceof Map)) fail("has no optimizer state");
  const groups: unknown = optimizer.get("param_groups");
  if (!Array.isArray(groups) || groups.length !== 1) fail("has other parameter groups");
  for (const [name, number] of want.param_groups) {
    const got: unknown = (groups[0] as Map<string, unknown>).get(name);
    if ((Array.isArray(got) ? got.length : got) !== number) fail(`the parameter group has ${name} = ${got}`);
  }
  const state: unknown = optimizer.get("state");
  if (!(state instanceof Map) || state.size !== want.state_len) fail("has states for another number of parameters");
  const first = state.get(0) as Map<string, unknown>;
  if ([...first.keys()].join() !== want.state_keys.join())
    fail(`the state of a parameter has the keys ${[...first.keys()]}`);
  for (const [name, tensor] of want.state0) compare(first.get(name), tensor, `state.0.${name}`);
}

function compare(got: unknown, want: Expected, path: string) {
  const differs = (what: string): never => fail(`${path}: ${what}`);
  switch (want.t) {
    case "tensor":
      return compareTensor(got, want, path);
    case "dict":
    case "ordereddict": {
      if (!(got instanceof Map) || got instanceof OrderedDict !== (want.t === "ordereddict"))
        return differs(`is no ${want.t}`);
      if (got.size !== want.items.length) differs(`has ${got.size} items instead of ${want.items.length}`);
      const entries = [...got];
      want.items.forEach(([key, value], i) => {
        compare(entries[i][0], key, `key ${i} of ${path}`);
        compare(entries[i][1], value, `${path}.${String(entries[i][0])}`);
      });
      if (want.metadata) compareMetadata((got as OrderedDict).metadata, want.metadata, path);
      return;
    }
    case "list":
    case "tuple":
      if (!Array.isArray(got) || got instanceof Tuple !== (want.t === "tuple")) return differs(`is no ${want.t}`);
      if (got.length !== want.v.length) differs(`has ${got.length} items instead of ${want.v.length}`);
      want.v.forEach((item, i) => {
        compare(got[i], item, `${path}.${i}`);
      });
      return;
    case "set": {
      if (!(got instanceof Set)) return differs("is no set");
      const members = [...got];
      if (members.length !== want.v.length) differs(`has ${members.length} members`);
      want.v.forEach((item, i) => {
        compare(members[i], item, `${path}.${i}`);
      });
      return;
    }
    case "size":
      if (!(got instanceof Size) || got.join() !== want.v.join()) differs(`is ${String(got)} instead of a Size`);
      return;
    case "int":
      if ((typeof got !== "number" && typeof got !== "bigint") || String(got) !== String(want.v))
        differs(`is ${String(got)}`);
      return;
    case "float":
      if (!Object.is(got, floatOf(want.v))) differs(`is ${String(got)} instead of ${want.v}`);
      return;
    case "bytes":
      if (!(got instanceof Uint8Array) || Buffer.from(got).toString("hex") !== want.hex) differs("has other bytes");
      return;
    case "torch.dtype":
      if (!(got instanceof TorchDtype) || String(got) !== want.v) differs(`is ${String(got)} instead of ${want.v}`);
      return;
    case "torch.device":
      if (!(got instanceof TorchDevice) || String(got) !== want.v) differs(`is ${String(got)} instead of ${want.v}`);
      return;
    default:
      if (!Object.is(got, want.v)) differs(`is ${String(got)} instead of ${want.v}`);
  }
}

function compareMetadata(got: unknown, want: [string, [string, number][]][], path: string): void {
  if (!(got instanceof Map)) fail(`${path} has no _metadata`);
  const found = [...got].map(([module, facts]) => [module, [...(facts as Map<string, number>)]]);
  if (JSON.stringify(found) !== JSON.stringify(want)) fail(`${path} has the _metadata ${JSON.stringify(found)}`);
}

function compareTensor(got: unknown, want: Expected & { t: "tensor" }, path: string): void {
  if (!(got instanceof Tensor)) fail(`${path}: is no tensor`);
  if (got.dtype !== DTYPES[want.dtype]) fail(`${path}: is ${got.dtype} instead of ${want.dtype}`);
  if (got.shape.join() !== want.shape.join()) fail(`${path}: has shape [${got.shape}] instead of [${want.shape}]`);
  const data = dataOf(got);
  const crc = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (crc !== want.crc32) fail(`${path}: the checksum of its bytes is ${crc} instead of ${want.crc32}`);
  for (const [i, sample] of want.samples ?? []) {
    const number = element(got.dtype, data, i);
    const wanted = (Array.isArray(sample) ? sample : [sample]).map(floatOf);
    if (!wanted.every((part, k) => Object.is(number[k], part)))
      fail(`${path}: is ${number} at ${i} instead of ${wanted}`);
  }
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function dataOf(tensor: Tensor): TypedArray {
  return tensor.hostData() ?? fail("a loaded tensor has no data on the host");
}

const SPECIAL: Readonly<Record<string, number>> = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity };

const floatOf = (value: Sample): number =>
  typeof value === "string" ? (SPECIAL[value] ?? Number(value)) : Number(value);

/** The parts of element `i` as numbers: one, or two for a complex number. */
function element(dtype: DType, data: TypedArray, i: number): number[] {
  if (dtypeInfo(dtype).kind === "complex") return [Number(data[2 * i]), Number(data[2 * i + 1])];
  return [Number(convertHost(data.slice(i, i + 1), dtype, "float64")[0])];
}
