/** A bucket: parameters of one group that are updated together, flat in an arena, with their flat state. */

import { type Arena, cat, flattenParameters, type Tensor } from "@kindling/core";
import type { RuleState } from "./optimizer.js";

/** The state of one parameter, in its shape. */
export interface ParameterState {
  readonly step: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly scalars: Readonly<Record<string, number>>;
}

export class Bucket implements RuleState {
  step = 0;
  scalars: Record<string, number> = {};
  readonly #tensors = new Map<string, Tensor>();

  private constructor(readonly arena: Arena) {}

  /** Buckets for parameters; their loose state, where there is any, moves in. */
  static make(params: readonly Tensor[], loose: Map<Tensor, ParameterState>): Bucket[] {
    const alike = new Map<string, Tensor[]>();
    for (const p of params) {
      const key = likeness(loose.get(p));
      const list = alike.get(key);
      if (list) list.push(p);
      else alike.set(key, [p]);
    }
    return [...alike.values()].flatMap((list) =>
      flattenParameters(list).map((arena) => new Bucket(arena).#adopt(loose)),
    );
  }

  #adopt(loose: Map<Tensor, ParameterState>): this {
    const { params } = this.arena;
    const states = params.map((p) => loose.get(p));
    const [first] = states;
    if (!first) return this;
    this.step = first.step;
    this.scalars = { ...first.scalars };
    for (const name of first.tensors.keys()) {
      const parts = states.map((s, i) => s!.tensors.get(name)!.reshape([params[i].numel]));
      this.tensor(name).copy_(parts.length === 1 ? parts[0] : cat(parts, 0));
    }
    for (const p of params) loose.delete(p);
    return this;
  }

  tensor(name: string, value = 0): Tensor {
    let t = this.#tensors.get(name);
    if (!t) {
      t = this.arena.like();
      if (value !== 0) t.fill_(value);
      this.#tensors.set(name, t);
    }
    return t;
  }

  /** The gradients of all parameters, flat. */
  gradient(): Tensor {
    return this.arena.gradient()!;
  }

  /** The state of each parameter, as views of the flat state. */
  states(): [Tensor, ParameterState][] {
    return this.arena.params.map((p, i) => {
      const tensors = new Map([...this.#tensors].map(([name, flat]) => [name, this.arena.viewOf(flat, i)]));
      return [p, { step: this.step, tensors, scalars: this.scalars }];
    });
  }
}

/** Parameters share a bucket if this is equal: they have seen the same steps. */
function likeness(state: ParameterState | undefined): string {
  if (!state) return "";
  return JSON.stringify([state.step, Object.entries(state.scalars), [...state.tensors.keys()]]);
}
