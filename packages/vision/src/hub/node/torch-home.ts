/** Where PyTorch keeps downloads: the rules of `torch.hub` and of Python's `os.path.expanduser`, on POSIX and Windows. */

import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { posix, win32 } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** `torch.hub.get_dir()` + `/checkpoints`. An empty variable counts, as it does there. */
export function checkpointsFolder(env: Environment = process.env, windows = process.platform === "win32"): string {
  const { join } = windows ? win32 : posix;
  const home = env.TORCH_HOME ?? join(env.XDG_CACHE_HOME ?? "~/.cache", "torch");
  return join(expandUser(home, env, windows), "hub", "checkpoints");
}

/** Puts a home folder in place of a leading `~` or `~user`; leaves the path alone where there is none. */
export function expandUser(
  path: string,
  env: Environment = process.env,
  windows = process.platform === "win32",
): string {
  const [, user, rest] = (windows ? /^~([^/\\]*)(.*)$/s : /^~([^/]*)(.*)$/s).exec(path) ?? [];
  if (user === undefined) return path;
  const home = windows ? windowsHome(user, env) : posixHome(user, env);
  if (home === undefined) return path;
  return windows ? home + rest : home.replace(/\/+$/, "") + rest || "/";
}

function posixHome(user: string, env: Environment): string | undefined {
  if (user === "") return env.HOME ?? userInfo().homedir;
  try {
    const accounts = readFileSync("/etc/passwd", "utf8").split("\n");
    return accounts.map((line) => line.split(":")).find(([name]) => name === user)?.[5];
  } catch {
    return undefined;
  }
}

/** Another user's home is beside one's own, if that is named after its owner. */
function windowsHome(user: string, env: Environment): string | undefined {
  const own = env.USERPROFILE ?? (env.HOMEPATH === undefined ? undefined : (env.HOMEDRIVE ?? "") + env.HOMEPATH);
  if (own === undefined || user === "" || user === env.USERNAME) return own;
  return win32.basename(own) === env.USERNAME ? win32.join(win32.dirname(own), user) : undefined;
}
