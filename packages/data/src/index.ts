/** Data sets, samplers and the DataLoader. */

export { type Collated, defaultCollate } from "./collate.js";
export {
  ConcatDataset,
  type Dataset,
  randomSplit,
  type SampleContext,
  Subset,
  sampleContext,
  TensorDataset,
} from "./dataset.js";
export { DataError } from "./errors.js";
export { type BatchIterator, DataLoader, type DataLoaderOptions } from "./loader.js";
export { philox4x32, Rng, type RngPosition } from "./rng.js";
export {
  type BatchOrder,
  BatchSampler,
  type EpochContext,
  RandomSampler,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "./sampler.js";
