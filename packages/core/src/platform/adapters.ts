/**
 * What the webgpu device asks of the program that hosts it; `dawn.ts` and `navigator.ts` answer. Apart from the platform,
 * so that nothing of it is loaded where no WebGPU is asked for.
 */

export type FeatureLevel = "core" | "compatibility";

/** What is asked of `GPU.requestAdapter`. The DOM's types do not know the level yet. */
export interface AdapterRequest extends GPURequestAdapterOptions {
  readonly featureLevel: FeatureLevel;
}

/** A way to a WebGPU adapter. */
export interface AdapterRoute {
  /** Where it leads, in words. */
  readonly name: string;
  /** The least that the adapter is capable of. */
  readonly featureLevel: FeatureLevel;
  /** Rejects with a `NoAdapterError` that says more than that there is none. */
  requestAdapter(): Promise<GPUAdapter | null>;
}

export interface Adapters {
  /**
   * The ways to a WebGPU adapter, the best first. Rejects with a `NoAdapterError` where there is no WebGPU at all; it says
   * what to do.
   */
  routes(): Promise<readonly AdapterRoute[]>;
  /** Whether there may be a graphics card: where there is surely none, a software adapter need not be looked behind. */
  hasGraphicsCard(): boolean;
  /** What to do where WebGPU is there and no route leads to the adapter that is wanted. */
  readonly advice: string;
}
