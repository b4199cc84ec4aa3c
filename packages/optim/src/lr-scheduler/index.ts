/** Learning-rate schedulers, as torch.optim.lr_scheduler. */

export * from "./compose.js";
export * from "./cosine.js";
export * from "./cycle.js";
export * from "./factor.js";
export * from "./plateau.js";
export {
  LRScheduler,
  type Scheduled,
  type ScheduledGroup,
  type SchedulerOptions,
} from "./scheduler.js";
export type { SavedSchedulerState, SchedulerState } from "./state.js";
