/**
 * From live nodes to a graph without them: equal subgraphs become one, realized nodes become externals, run-time
 * scalars become uniforms. The text of the graph is the key under which its plan is cached.
 */

import type { ComputeDType } from "../dtype.js";
import { DeviceError } from "../errors.js";
import { type Node, numelOf, type Op, sameShape } from "../node.js";
import type { Storage } from "../storage.js";

/** A vertex of the canonical graph. */
export interface Vertex {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Vertex[];
  readonly shape: readonly number[];
  readonly numel: number;
  readonly dtype: ComputeDType;
  /** Position among the externals of a leaf, or among the uniforms; else -1. */
  readonly slot: number;
  /** When its node was made: the program's own order. */
  readonly order: number;
}

/** What must be in memory after the run, and where: `target` is an external, the last ones are fresh memory. */
export interface Root {
  readonly vertex: Vertex;
  readonly target: number;
}

/** A node to realize; `into` is memory to overwrite (assigned state), else fresh memory is made. */
export interface Request {
  readonly node: Node;
  readonly into: Storage | null;
}

export interface Trace {
  readonly key: string;
  readonly vertices: readonly Vertex[];
  readonly roots: readonly Root[];
  /** Memory that leaves live in and state is written to. Fresh externals follow, one a root without `into`. */
  readonly externals: readonly Storage[];
  /** Which requests get fresh memory, in order of their externals. */
  readonly fresh: readonly Request[];
  /** Bits of the uniforms. */
  readonly uniforms: Uint32Array;
}

/** The node whose memory a reshape shares. */
export function unreshaped(node: Node): Node {
  let n = node;
  while (!n.realized && !n.overwritten && n.op.kind === "move" && n.op.move.type === "reshape") n = n.inputs[0];
  return n;
}

export function trace(requests: readonly Request[]): Trace {
  const vertices: Vertex[] = [];
  const byKey = new Map<string, Vertex>();
  const known = new Map<Node, Vertex>();
  const externals = new Map<Storage, number>();
  const uniforms: number[] = [];
  const parts: string[] = [];

  const external = (s: Storage): number => {
    let at = externals.get(s);
    if (at === undefined) externals.set(s, (at = externals.size));
    return at;
  };

  const canonical = (node: Node): Vertex => {
    const realized = node.realized;
    if (!realized && node.op.kind === "move" && node.op.move.type === "reshape") {
      const input = known.get(node.inputs[0])!;
      if (sameShape(input.shape, node.shape)) return input;
    }
    let op = node.op;
    let slot = -1;
    let key: string;
    const inputs = realized ? [] : node.inputs.map((i) => known.get(i)!);
    if (realized) {
      op = LEAF;
      slot = external(node.storage!);
      key = `leaf${slot}:${node.dtype}:${node.shape}`;
    } else if (op.kind === "uniform") {
      slot = uniforms.length;
      uniforms.push(node.scalar);
      key = `uniform${slot}:${node.dtype}`;
    } else {
      key = `${node.key}(${inputs.map((v) => v.id)})`;
    }
    let v = byKey.get(key);
    if (!v) {
      v = {
        id: vertices.length,
        op,
        inputs,
        shape: node.shape,
        numel: numelOf(node.shape),
        dtype: node.computeDType,
        slot,
        order: node.id,
      };
      vertices.push(v);
      byKey.set(key, v);
      parts.push(key);
    }
    return v;
  };

  for (const { node } of requests) {
    const stack: { node: Node; next: number }[] = [{ node, next: 0 }];
    while (stack.length) {
      const top = stack[stack.length - 1];
      if (known.has(top.node)) {
        stack.pop();
        continue;
      }
      if (top.node.overwritten) throw lost(top.node);
      const inputs = top.node.realized ? [] : top.node.inputs;
      if (top.next < inputs.length) {
        const child = inputs[top.next++];
        if (!known.has(child)) stack.push({ node: child, next: 0 });
      } else {
        known.set(top.node, canonical(top.node));
        stack.pop();
      }
    }
  }

  const fresh = requests.filter((r) => !r.into);
  for (const r of requests) if (r.into) external(r.into);
  const list = [...externals.keys()];
  let next = list.length;
  const roots = requests.map((r) => ({ vertex: known.get(r.node)!, target: r.into ? external(r.into) : next++ }));
  const key = `${parts.join(";")}=>${roots.map((r) => `${r.vertex.id}@${r.target}`).join(",")}`;
  return { key, vertices, roots, externals: list, fresh, uniforms: Uint32Array.from(uniforms) };
}

const LEAF: Op = { kind: "leaf" };

function lost(node: Node): DeviceError {
  const what = node.label ? `"${node.label}"` : `a tensor of shape [${node.shape}]`;
  if (node.storage?.lost)
    return new DeviceError(`the value of ${what} was lost with its device; load it again from the last checkpoint`);
  return new DeviceError(
    `the value of ${what} was overwritten (by optimizer.step() or an in-place write) before it was read; call retain() on the tensor you want to read later, or read it earlier`,
  );
}
