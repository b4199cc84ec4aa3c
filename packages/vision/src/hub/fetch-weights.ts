/** Gets a file of weights: from the folder of downloads if it is there, else from the first server that has it. */

import { platform } from "#platform/hub";
import { damage } from "./check.js";
import { download } from "./download.js";
import { DownloadError } from "./errors.js";
import type { DownloadProgress, WeightsOptions } from "./options.js";
import { resolveRequest, type WeightsRequest } from "./request.js";
import { DraftTaken, type ProgressView, type WeightsFile, type WeightsStore } from "./store.js";

/**
 * The file of an address, or of a name that PyTorch's server knows (`resnet18-f37072fd.pth`): a path in Node, a `Blob`
 * in a browser.
 *
 * @throws DownloadError whose `kind` says what is wrong; ArgumentError; the signal's reason where it was aborted
 */
export async function fetchWeights(source: string | URL, options: WeightsOptions = {}): Promise<WeightsFile> {
  options.signal?.throwIfAborted();
  const request = requestFor(source, options);
  const store = await platform.openStore(options.modelDir);
  const { file, flaw } = await lookUp(store, request);
  if (file !== undefined) return file;
  const view = await viewOf(options.progress, request.name);
  try {
    return await getInTurn(store, request, options, view);
  } catch (error) {
    if (flaw === undefined || !(error instanceof DownloadError)) throw error;
    throw new DownloadError(error.kind, `${error.message}\nThe file that is there cannot be used: ${flaw}`, {
      cause: error,
    });
  } finally {
    view.end();
  }
}

/** What a caller asks for in this environment. */
export function requestFor(source: string | URL, options: WeightsOptions): WeightsRequest {
  return resolveRequest(source, options, platform.environment("KINDLING_WEIGHTS_URL"));
}

/** The file that is there, if it is good; else what is wrong with it. */
async function lookUp(store: WeightsStore, request: WeightsRequest): Promise<{ file?: WeightsFile; flaw?: string }> {
  const file = await store.find(request.name);
  if (file === undefined) return {};
  const flaw = await damage(file, request);
  return flaw === undefined ? { file } : { flaw };
}

/** Downloads while no other process does the same, or waits for one that does and takes its file. */
async function getInTurn(
  store: WeightsStore,
  request: WeightsRequest,
  options: WeightsOptions,
  view: ProgressView,
): Promise<WeightsFile> {
  const { name } = request;
  for (;;) {
    try {
      return await store.exclusively(
        name,
        async () => (await lookUp(store, request)).file ?? (await getNow(store, request, options, view)),
        (owner) => view.say(`${name} is being downloaded by ${owner}; waiting for it`),
        options.signal,
      );
    } catch (error) {
      if (!(error instanceof DraftTaken)) throw error;
    }
  }
}

async function getNow(
  store: WeightsStore,
  request: WeightsRequest,
  { fetch, signal }: WeightsOptions,
  view: ProgressView,
): Promise<WeightsFile> {
  const transferOptions = {
    fetch: fetch ?? (await platform.fetch()),
    signal,
    report: (progress: DownloadProgress) => view.update(progress),
    hashKnown: request.hash !== undefined,
  };
  const draft = await store.draft(request.name);
  try {
    return await download(request, draft, transferOptions, async () => {
      const kept = await store.setAside(request.name);
      if (kept === undefined) return;
      view.end();
      console.warn(`${request.name} was damaged and has been downloaded again; the old file is now ${kept}`);
    });
  } finally {
    await draft.close();
  }
}

/** A bar for `true`, the caller's function, or nothing. */
async function viewOf(progress: WeightsOptions["progress"] = true, name: string): Promise<ProgressView> {
  if (progress === true) return platform.progress(name);
  return { update: progress || (() => {}), say() {}, end() {} };
}
