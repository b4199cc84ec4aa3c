/** What a run can be told. Loads nothing, so that help and errors of the command line are there at once. */

/** `flip`: the whole picture, mirrored or not; `imagenet`: a random part, mirrored or not, as torchvision trains. */
export type Augmentation = "flip" | "imagenet";

export const AUGMENTATIONS: readonly Augmentation[] = ["flip", "imagenet"];

export type Schedule = "constant" | "cosine";

export const SCHEDULES: readonly Schedule[] = ["constant", "cosine"];

export interface FinetuneOptions {
  /** Holds `train/` and `val/`, or the class folders themselves. */
  readonly folder: string;
  /** A name that `models.listModels()` has. */
  readonly model: string;
  /** A `.pth` for that model, with any number of classes; none trains from scratch. */
  readonly weights?: string;
  /** Train only the new head. Batch norm goes on using and updating the statistics of the batches. */
  readonly freeze: boolean;
  /** The folder of results. */
  readonly out: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** Of the learning rate over the epochs. */
  readonly schedule: Schedule;
  /** Height and width of what the network sees. */
  readonly size: number;
  readonly augment: Augmentation;
  /** Decides the split, the order, the augmentation and the new head. */
  readonly seed: number;
  /** Pictures that are being decoded at the same time. */
  readonly workers: number;
  /** Leave out pictures that cannot be read. */
  readonly skipBad: boolean;
}

/** Which device computes, and how. */
export interface DeviceOptions {
  readonly device: string;
  readonly threads?: number;
  /** Whether the cpu device may set V8's flag for wider vectors. */
  readonly revectorize?: boolean;
}
