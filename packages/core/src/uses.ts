/** What a kernel touches: all its accesses, each with the sizes that it runs over. */

import type { Access, ConvKernel, Epilogue, Kernel, Plan } from "./kernel.js";

/** An access, the sizes of the dimensions that its strides are over, and whether it is stored to. */
export interface Use {
  readonly access: Access;
  readonly sizes: readonly number[];
  readonly write: boolean;
}

/** Every access of a kernel with the sizes it runs over. */
export function usesOf(kernel: Kernel): Use[] {
  const use = (access: Access, sizes: readonly number[], write = false): Use => ({ access, sizes, write });
  const template = (a: Access, aSizes: number[], b: Access, bSizes: number[], end: Epilogue, out: number[]): Use[] => [
    use(a, aSizes),
    use(b, bSizes),
    ...end.sources.map((s) => use(s, out)),
    use(end.target, out, true),
  ];
  switch (kernel.kind) {
    case "loop": {
      const sizes = [...kernel.rows, ...kernel.inner];
      const stores = kernel.stages.flatMap((s) => (s.kind === "store" ? [use(s.target, sizes, true)] : []));
      return [...kernel.sources.map((s) => use(s, sizes)), ...stores];
    }
    case "matmul": {
      const { batch, m, n, k } = kernel;
      return template(kernel.a, [...batch, m, k], kernel.b, [...batch, k, n], kernel.epilogue, [...batch, m, n]);
    }
    case "scan":
    case "sort":
      return [
        use(kernel.source, [...kernel.rows, kernel.length]),
        use(kernel.target, [...kernel.rows, kernel.kind === "sort" ? kernel.take : kernel.length], true),
      ];
    default: {
      const [a, b, out] = convSizes(kernel);
      return template(kernel.a, a, kernel.b, b, kernel.epilogue, out);
    }
  }
}

/** Shapes of a convolution's operands and of its result. */
function convSizes({ kind, shape: s }: ConvKernel): readonly [number[], number[], number[]] {
  const x = [s.n, s.groups * s.ic, s.ih, s.iw];
  const w = [s.groups * s.oc, s.ic, s.kh, s.kw];
  const y = [s.n, s.groups * s.oc, s.oh, s.ow];
  return kind === "conv2d" ? [x, w, y] : kind === "conv2dInputGrad" ? [y, w, x] : [x, y, w];
}

/** Numbers of the external buffers that a plan writes. */
export function writtenExternals({ kernels }: Plan): number[] {
  const written = kernels.flatMap(({ kernel, buffers }) =>
    usesOf(kernel).flatMap(({ access, write }) => {
      const buffer = buffers[access.buffer];
      return write && buffer.kind === "external" ? [buffer.index] : [];
    }),
  );
  return [...new Set(written)];
}
