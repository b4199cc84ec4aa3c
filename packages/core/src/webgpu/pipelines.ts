/** Shaders become pipelines: each text once a device, all of a plan at the same time, off the caller's thread. */

import { COMPUTE_STAGE } from "./constants.js";
import type { Ledger } from "./ledger.js";
import { Ready } from "./order.js";
import type { Pass } from "./program.js";

/** A compute pipeline that is there, or will be. */
export interface Pipeline {
  /** What it binds: "r" readable, "w" writable, "u" the uniforms. */
  readonly signature: string;
  readonly layout: GPUBindGroupLayout;
  readonly ready: Ready;
  /** Undefined until it is ready, and if it could not be made. */
  gpu: GPUComputePipeline | undefined;
}

interface Layouts {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

export class Pipelines {
  /** By signature. */
  readonly #layouts = new Map<string, Layouts>();
  /** Plans hold their pipelines; those of plans that are gone are made again when they are needed. */
  readonly #pipelines = new Map<string, WeakRef<Pipeline>>();
  readonly #dropped = new FinalizationRegistry<string>((key) => {
    if (!this.#pipelines.get(key)?.deref()) this.#pipelines.delete(key);
  });

  constructor(
    private readonly gpu: GPUDevice,
    private readonly ledger: Ledger,
  ) {}

  /** The pipeline of a pass, and whether it had to be made. `kernel` names it in errors. */
  get(pass: Pass, kernel: string): { pipeline: Pipeline; made: boolean } {
    const signature = pass.bindings.map((b) => (b.writable ? "w" : "r")).join("") + (pass.uniforms ? "u" : "");
    const key = `${signature}\n${pass.code}`;
    const known = this.#pipelines.get(key)?.deref();
    if (known) return { pipeline: known, made: false };
    const layouts = this.#layoutOf(signature);
    const pipeline: Pipeline = {
      signature,
      layout: layouts.group,
      gpu: undefined,
      ready: new Ready(
        this.#make(pass.code, layouts.pipeline, kernel).then((made) => {
          pipeline.gpu = made;
        }),
      ),
    };
    this.#pipelines.set(key, new WeakRef(pipeline));
    this.#dropped.register(pipeline, key);
    return { pipeline, made: true };
  }

  async #make(code: string, layout: GPUPipelineLayout, label: string): Promise<GPUComputePipeline | undefined> {
    const ticket = this.ledger.open(() => `the compilation of kernel ${label}`);
    const mark = this.ledger.mark();
    try {
      // What is wrong with the shader makes the pipeline fail, and is reported there.
      this.gpu.pushErrorScope("validation");
      const module = this.gpu.createShaderModule({ code, label });
      const silent = this.gpu.popErrorScope().catch(() => null);
      try {
        return await this.gpu.createComputePipelineAsync({ label, layout, compute: { module, entryPoint: "main" } });
      } catch (error) {
        await silent;
        this.ledger.fail(
          mark,
          `kernel ${label} does not compile on the webgpu device: ${await explain(module, code, error)}`,
        );
        return undefined;
      }
    } finally {
      this.ledger.close(ticket);
    }
  }

  #layoutOf(signature: string): Layouts {
    const known = this.#layouts.get(signature);
    if (known) return known;
    const type = { r: "read-only-storage", w: "storage", u: "uniform" } as const;
    const entries = [...signature].map((kind, binding) => ({
      binding,
      visibility: COMPUTE_STAGE,
      buffer: { type: type[kind as keyof typeof type] },
    }));
    const layouts = this.ledger.guard(
      () => `a dispatch with the bindings ${signature}`,
      () => {
        const group = this.gpu.createBindGroupLayout({ label: signature, entries });
        const pipeline = this.gpu.createPipelineLayout({ label: signature, bindGroupLayouts: [group] });
        return { group, pipeline };
      },
    );
    this.#layouts.set(signature, layouts);
    return layouts;
  }
}

/** Why a pipeline could not be made: what the compiler said of the shader, with the lines it means. */
async function explain(module: GPUShaderModule, code: string, error: unknown): Promise<string> {
  const reason = error instanceof Error ? error.message : String(error);
  const { messages } = await module.getCompilationInfo();
  const lines = code.split("\n");
  const said = messages
    .filter(({ type }) => type === "error")
    .map(({ lineNum, message }) => `${message} (line ${lineNum}: ${lines[lineNum - 1]?.trim() ?? ""})`);
  return said.length > 0 ? said.join("; ") : reason.trim();
}
