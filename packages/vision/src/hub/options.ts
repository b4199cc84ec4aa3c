/** What callers may say about how a file of weights is got. */

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes of the file that are there, with those of an earlier, interrupted download. */
  readonly received: number;
  /** Length of the file in bytes; undefined where the server does not say. */
  readonly total: number | undefined;
}

/** Where weights are looked for and how they are downloaded. All of it is optional. */
export interface DownloadOptions {
  /**
   * The folder that is looked in, and downloaded to. Default: PyTorch's own, `$TORCH_HOME/hub/checkpoints`, else
   * `$XDG_CACHE_HOME/torch/hub/checkpoints`, else `~/.cache/torch/hub/checkpoints`. In a browser: a name that keeps
   * files apart from others.
   */
  readonly modelDir?: string;
  /** Name of the file in that folder. Default: the last part of the address. */
  readonly fileName?: string;
  /**
   * Whether the content must match a SHA-256, also of a file that is there already: `true` for the digits in the file's
   * name (`resnet18-f37072fd.pth`), if it has any, or the first digits themselves, as many as are known.
   */
  readonly checkHash?: boolean | string;
  /** `true`, the default, shows a bar on a terminal; a function is told instead; `false` shows nothing. */
  readonly progress?: boolean | ((progress: DownloadProgress) => void);
  /** Servers that are asked, in order, for files given by name. Default: `$KINDLING_WEIGHTS_URL`, else PyTorch's. */
  readonly mirrors?: string | readonly string[];
  /** Used for every request in place of the platform's. */
  readonly fetch?: typeof fetch;
  /** Ends a download; what has come stays for the next. */
  readonly signal?: AbortSignal;
}

/** For those who know more of a file than its name. */
export interface WeightsOptions extends DownloadOptions {
  /** The first digits of the file's SHA-256. A download must match, unless `checkHash` says otherwise. */
  readonly hashPrefix?: string;
}
