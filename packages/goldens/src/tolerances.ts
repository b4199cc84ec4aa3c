/** The tolerances of the fixtures' README, in one place; each part says there what they are relative to. */

/** Outputs of a model, relative to absmax, by group. */
export const OUTPUTS = { classification: 2e-5, segmentation: 2e-5, video: 2e-5 } as const;

/** A loss before the first step, absolute. */
export const FIRST_LOSS = 1e-4;

/** A loss after steps, absolute: what f32 rounding alone moves it (`noise`), with a margin. */
export const laterLoss = (noise: number): number => Math.max(1e-3, 10 * noise);

/**
 * The gradient of the median parameter, from the noise that f32 made in the reference's median parameter. In train mode
 * a ReLU that flips behind a batch norm moves every gradient in front of it, so there the table's plain 3e-2 holds.
 */
export const medianGradient = {
  eval: (noise: number): number => Math.max(1e-4, 10 * noise),
  train: (noise: number): number => Math.max(3e-2, 3 * noise),
} as const;

/** The gradient of any one parameter: a ReLU that flips makes 1e-2. */
export const ANY_GRADIENT = 0.1;

/** Batch-norm statistics after one step, and a new head after its steps. */
export const TRAINED_STATE = 1e-4;

/** Operators, forward and gradient, relative to absmax; integer outputs are exact. */
export const OPERATOR = 1e-5;

/** Parameters after an optimizer's steps, relative to absmax. */
export const OPTIMIZER = 5e-6;

/** Rates of schedulers, relative. */
export const SCHEDULER = 1e-9;

/** A loss of the fine-tuning sample at any step, absolute, from the step's f32 noise. */
export const sampleLoss = (noise: number): number => Math.max(1e-4, 10 * noise);

/** The logits after the sample's last step, relative to absmax, from the largest f32 noise of the losses. */
export const sampleLogits = (noise: number): number => Math.max(1e-4, 10 * noise);
