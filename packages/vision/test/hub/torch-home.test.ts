/**
 * PyTorch's folder of downloads. What is expected was printed by `torch.hub.get_dir()` of torch 1.13 under each
 * environment, for Windows with Python's `ntpath` in place of `os.path`.
 */

import { userInfo } from "node:os";
import { win32 } from "node:path";
import { describe, expect, it } from "vitest";
import { checkpointsFolder, expandUser } from "../../dist/hub/node/torch-home.js";

const HOME = "/home/ann";
const POSIX: [env: Record<string, string>, folder: string][] = [
  [{ HOME }, "/home/ann/.cache/torch/hub/checkpoints"],
  [{ HOME: "/home/ann/" }, "/home/ann/.cache/torch/hub/checkpoints"],
  [{ HOME: "/" }, "/.cache/torch/hub/checkpoints"],
  [{ HOME, XDG_CACHE_HOME: "/var/cache" }, "/var/cache/torch/hub/checkpoints"],
  [{ HOME, XDG_CACHE_HOME: "~/cache" }, "/home/ann/cache/torch/hub/checkpoints"],
  [{ HOME, XDG_CACHE_HOME: "" }, "torch/hub/checkpoints"],
  [{ HOME, TORCH_HOME: "/models" }, "/models/hub/checkpoints"],
  [{ HOME, TORCH_HOME: "~/models", XDG_CACHE_HOME: "/var/cache" }, "/home/ann/models/hub/checkpoints"],
  [{ HOME, TORCH_HOME: "~" }, "/home/ann/hub/checkpoints"],
  [{ HOME, TORCH_HOME: "" }, "hub/checkpoints"],
  [{ HOME, TORCH_HOME: "~nobody-here/models" }, "~nobody-here/models/hub/checkpoints"],
  [{ HOME, TORCH_HOME: "models" }, "models/hub/checkpoints"],
  [{ HOME, TORCH_HOME: "/models/~/x" }, "/models/~/x/hub/checkpoints"],
];

const ANN = { USERPROFILE: "C:\\Users\\Ann", USERNAME: "Ann" };
const WINDOWS: [env: Record<string, string>, folder: string][] = [
  [ANN, "C:\\Users\\Ann/.cache\\torch\\hub\\checkpoints"],
  [{ HOMEDRIVE: "D:", HOMEPATH: "\\Ann" }, "D:\\Ann/.cache\\torch\\hub\\checkpoints"],
  [{ HOMEPATH: "\\Ann" }, "\\Ann/.cache\\torch\\hub\\checkpoints"],
  [{}, "~/.cache\\torch\\hub\\checkpoints"],
  [{ ...ANN, HOME: "C:\\msys\\ann" }, "C:\\Users\\Ann/.cache\\torch\\hub\\checkpoints"],
  [{ ...ANN, XDG_CACHE_HOME: "D:\\cache" }, "D:\\cache\\torch\\hub\\checkpoints"],
  [{ ...ANN, TORCH_HOME: "E:\\models" }, "E:\\models\\hub\\checkpoints"],
  [{ ...ANN, TORCH_HOME: "~\\models" }, "C:\\Users\\Ann\\models\\hub\\checkpoints"],
  [{ ...ANN, TORCH_HOME: "~/models" }, "C:\\Users\\Ann/models\\hub\\checkpoints"],
  [{ ...ANN, TORCH_HOME: "~Ann\\models" }, "C:\\Users\\Ann\\models\\hub\\checkpoints"],
  [{ ...ANN, TORCH_HOME: "~Bob\\models" }, "C:\\Users\\Bob\\models\\hub\\checkpoints"],
  [{ ...ANN, USERPROFILE: "C:\\Users\\Other", TORCH_HOME: "~Bob\\models" }, "~Bob\\models\\hub\\checkpoints"],
  [{ ...ANN, TORCH_HOME: "models" }, "models\\hub\\checkpoints"],
  [{ ...ANN, TORCH_HOME: "\\\\server\\share\\models" }, "\\\\server\\share\\models\\hub\\checkpoints"],
];

describe("PyTorch's folder", () => {
  it.each(POSIX)("of %o", (env, folder) => {
    expect(checkpointsFolder(env, false)).toBe(folder);
  });

  it.each(WINDOWS)("of %o on Windows", (env, folder) => {
    // Both slashes mean the same there.
    expect(checkpointsFolder(env, true)).toBe(win32.normalize(folder));
  });

  it.skipIf(process.platform === "win32")("is found without HOME, and in the home of a named user", () => {
    const { username, homedir } = userInfo();
    expect(checkpointsFolder({}, false)).toBe(`${homedir}/.cache/torch/hub/checkpoints`);
    expect(expandUser(`~${username}/models`, {}, false)).toBe(`${homedir}/models`);
  });
});
