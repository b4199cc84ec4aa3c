/**
 * Containers. Their children stand in fields named "0", "1", … or by name, like those of any module: so indexing reads
 * and replaces a child (`model.classifier[3] = new Linear(4096, 10)`), and the state dict needs no special case.
 */

import { ArgumentError, type Tensor } from "@kindling/core";
import { type Layer, Module } from "../module.js";

/** The container with its children as a list. */
function* childrenOf<M extends Module>(container: Module): Generator<M> {
  for (const value of Object.values(container)) if (value instanceof Module) yield value as M;
}

/** Field of child `i`, negative from the end. */
function fieldAt(container: Module, i: number): string {
  const fields = Object.entries(container).filter(([, value]) => value instanceof Module);
  const entry = fields[i < 0 ? i + fields.length : i];
  if (!entry) throw new ArgumentError(`${container.typeName}: there is no child ${i}; it has ${fields.length}`);
  return entry[0];
}

/** Runs its children one after the other. */
export class Sequential extends Module implements Layer {
  [index: number]: Layer;

  /** @param layers the children, or one Map (or iterable of pairs) that names them */
  constructor(...layers: Layer[] | [named: Iterable<readonly [string, Layer]>]) {
    super();
    const [first] = layers;
    if (layers.length === 1 && !(first instanceof Module))
      for (const [name, layer] of first as Iterable<readonly [string, Layer]>) this.addModule(name, layer);
    else for (const layer of layers as Layer[]) this.append(layer);
  }

  get length(): number {
    return this.children().length;
  }

  /** Child `i`, negative from the end. */
  at(i: number): Layer {
    return this.getSubmodule(fieldAt(this, i)) as Layer;
  }

  append(layer: Layer): this {
    this[[...childrenOf(this)].length] = layer;
    return this;
  }

  [Symbol.iterator](): Iterator<Layer> {
    return childrenOf<Layer>(this);
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this) y = layer.call(y);
    return y;
  }
}

/** A list of modules, whose owner runs them. */
export class ModuleList<M extends Module = Layer> extends Module {
  [index: number]: M;

  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  get length(): number {
    return [...childrenOf(this)].length;
  }

  at(i: number): M {
    return this.getSubmodule(fieldAt(this, i)) as M;
  }

  append(module: M): this {
    this[this.length] = module;
    return this;
  }

  extend(modules: Iterable<M>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  [Symbol.iterator](): Iterator<M> {
    return childrenOf<M>(this);
  }

  forward(): never {
    throw new ArgumentError("a ModuleList is not called: its owner calls the modules in it");
  }
}

/** Modules by name, whose owner runs them. */
export class ModuleDict<M extends Module = Layer> extends Module {
  constructor(modules: Iterable<readonly [string, M]> | Readonly<Record<string, M>> = []) {
    super();
    const entries = Symbol.iterator in modules ? (modules as Iterable<readonly [string, M]>) : Object.entries(modules);
    for (const [name, module] of entries) this.set(name, module);
  }

  get(name: string): M | undefined {
    return this.namedChildren().find(([field]) => field === name)?.[1] as M | undefined;
  }

  set(name: string, module: M): this {
    if (name in this && !this.has(name))
      throw new ArgumentError(`ModuleDict: "${name}" is a member of every module; choose another name`);
    this.addModule(name, module);
    return this;
  }

  has(name: string): boolean {
    return Object.hasOwn(this, name) && (this as Record<string, unknown>)[name] instanceof Module;
  }

  delete(name: string): boolean {
    return this.has(name) && Reflect.deleteProperty(this, name);
  }

  keys(): string[] {
    return this.entries().map(([name]) => name);
  }

  values(): M[] {
    return [...childrenOf<M>(this)];
  }

  entries(): [string, M][] {
    return Object.entries(this).filter((entry): entry is [string, M] => entry[1] instanceof Module);
  }

  [Symbol.iterator](): Iterator<[string, M]> {
    return this.entries().values();
  }

  forward(): never {
    throw new ArgumentError("a ModuleDict is not called: its owner calls the modules in it");
  }
}
