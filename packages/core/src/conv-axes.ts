/** The spatial axes of convolutions: where points and taps meet the tensor that is read. */

import type { ConvShape } from "./kernel.js";

/** What one spatial axis of a gather does: point p and tap t meet the tensor at p·step + t·tapStep + origin. */
export interface Axis {
  /** Size of the tensor. */
  readonly size: number;
  readonly points: number;
  readonly step: number;
  readonly taps: number;
  readonly tapStep: number;
  readonly origin: number;
}

export const reach = ({ points, step, taps, tapStep, origin }: Axis) => {
  const span = (taps - 1) * tapStep;
  return { first: origin + Math.min(0, span), last: origin + Math.max(0, span) + (points - 1) * step };
};

export const inBounds = (axis: Axis): boolean => {
  const { first, last } = reach(axis);
  return first >= 0 && last < axis.size;
};

/** Positions from the first to the last that any tap of any point meets. */
export const slabSize = (axis: Axis): number => reach(axis).last - reach(axis).first + 1;

/** The axis along which points of the output read the input. */
export const inputAxis = (size: number, points: number, taps: number, s: ConvShape, i: 0 | 1): Axis => ({
  size,
  points,
  step: s.stride[i],
  taps,
  tapStep: s.dilation[i],
  origin: -s.padding[i],
});

/** One phase of one axis of the input gradient: input positions phase, phase + stride, … and the taps they meet. */
export interface Phase {
  readonly phase: number;
  /** The first such tap, and from each to the next. */
  readonly firstTap: number;
  readonly tapStep: number;
  /** How its positions read the output gradient. */
  readonly axis: Axis;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

export function phasesOf(inputs: number, outputs: number, taps: number, s: ConvShape, i: 0 | 1): Phase[] {
  const [stride, padding, dilation] = [s.stride[i], s.padding[i], s.dilation[i]];
  // Tap t of input position p comes from output (p + padding − t·dilation) / stride, if that is whole.
  const tapStep = stride / gcd(dilation, stride);
  const phases: Phase[] = [];
  for (let phase = 0; phase < Math.min(stride, inputs); phase++) {
    let firstTap = 0;
    while (firstTap < tapStep && (phase + padding - firstTap * dilation) % stride !== 0) firstTap++;
    const met = firstTap < tapStep && firstTap < taps ? Math.ceil((taps - firstTap) / tapStep) : 0;
    phases.push({
      phase,
      firstTap: met ? firstTap : 0,
      tapStep,
      axis: {
        size: outputs,
        points: Math.ceil((inputs - phase) / stride),
        step: 1,
        taps: met,
        tapStep: (-tapStep * dilation) / stride,
        origin: met ? (phase + padding - firstTap * dilation) / stride : 0,
      },
    });
  }
  return phases;
}
