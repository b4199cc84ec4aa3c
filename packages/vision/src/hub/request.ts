/** What a caller asked for, made definite: the file's name, the addresses that have it, and the hash to expect. */

import { ArgumentError } from "@kindling/core";
import type { WeightsOptions } from "./options.js";

/** Where PyTorch publishes weights. */
const PYTORCH = "https://download.pytorch.org/models/";

export interface WeightsRequest {
  /** Name of the file in the folder of downloads. */
  readonly name: string;
  /** Addresses to try, in order. */
  readonly urls: readonly string[];
  /** The first digits of the file's SHA-256, in lower case, where they are known and count. */
  readonly hash: string | undefined;
  /** Whether the caller wants the hash checked also of a file that is there already. */
  readonly strict: boolean;
}

/**
 * @param source an address, or the name of a file that PyTorch publishes
 * @param mirrors what the environment names, for callers who name none
 */
export function resolveRequest(
  source: string | URL,
  options: WeightsOptions,
  mirrors: string | undefined,
): WeightsRequest {
  const urls = addresses(String(source), options.mirrors ?? mirrors);
  if (!options.fetch) for (const url of urls) checkProtocol(url);
  // As torch.hub names it: the last part of the path as it stands, percent signs and all.
  const name = options.fileName ?? (new URL(urls[0]).pathname.split("/").at(-1) as string);
  checkName(name, source);
  const { checkHash } = options;
  return { name, urls, hash: expectedHash(name, options)?.toLowerCase(), strict: Boolean(checkHash) };
}

/** Files that PyTorch publishes are looked for on every mirror, other files only where their address says. */
function addresses(source: string, mirrors: string | readonly string[] | undefined): string[] {
  const path = source.startsWith(PYTORCH) ? source.slice(PYTORCH.length) : source;
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) return [checkedUrl(path, "the address of the weights")];
  const bases = typeof mirrors === "string" ? mirrors.split(/[\s,]+/).filter(Boolean) : (mirrors ?? []);
  return (bases.length > 0 ? bases : [PYTORCH]).map((base) =>
    checkedUrl(`${base.replace(/\/*$/, "/")}${path}`, "a mirror in KINDLING_WEIGHTS_URL or the option mirrors"),
  );
}

function checkedUrl(url: string, what: string): string {
  if (!URL.canParse(url)) throw new ArgumentError(`${what} should begin with https:// or http://, but makes "${url}"`);
  return url;
}

function checkProtocol(url: string): void {
  if (!/^https?:\/\//i.test(url))
    throw new ArgumentError(
      `weights come from https:// or http://, not "${url}"; read a local file with checkpoint.load`,
    );
}

function checkName(name: string, source: string | URL): void {
  if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name))
    throw new ArgumentError(`"${name}" is no name for the file of ${source}; give one, without a folder, as fileName`);
}

/**
 * Digits in a file's name that are most likely of its SHA-256. torch.hub wants eight or more; fewer are a number, as in
 * `checkpoint-10.pth`.
 */
export const hashInName = (name: string): string | undefined => /-([a-f0-9]{8,64})\./.exec(name)?.[1];

function expectedHash(name: string, { checkHash, hashPrefix }: WeightsOptions): string | undefined {
  if (typeof checkHash === "string") {
    if (!/^[0-9a-f]{1,64}$/i.test(checkHash))
      throw new ArgumentError(`checkHash should be the first hexadecimal digits of a SHA-256, not "${checkHash}"`);
    return checkHash;
  }
  if (checkHash === false) return undefined;
  // torch.hub's pattern: resnet18-f37072fd.pth
  return hashPrefix ?? (checkHash ? /-([a-f0-9]+)\./.exec(name)?.[1] : undefined);
}
