/** The command line: names, defaults and help of every command and option. A command is loaded when it is asked for. */

import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { AUGMENTATIONS, SCHEDULES } from "./options.js";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** Parses a number that `valid` accepts; `expected` describes those. */
function number(expected: string, valid: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!valid(value)) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
}

const wholeFrom = (least: number) =>
  number(`a whole number, ${least} or more`, (value) => Number.isSafeInteger(value) && value >= least);
const positive = number("a number above 0", (value) => value > 0 && Number.isFinite(value));
const notNegative = number("a number, 0 or more", (value) => value >= 0 && Number.isFinite(value));

const deviceOption = () => new Option("--device <name>", "what computes: auto, cpu or webgpu").default("auto");
const threadsOption = () =>
  new Option("--threads <n>", "threads of the cpu device (default: one a core)").argParser(wholeFrom(1));
/** True unless it is given. */
const noRevectorizeOption = () =>
  new Option(
    "--no-revectorize",
    "do not set V8's --experimental-wasm-revectorize, which makes the cpu device faster from Node 24 on",
  );

/** Everything that `kindling` understands. `finish` gets the exit code of the command that ran. */
export function createProgram(finish: (code: number) => void): Command {
  const program = new Command("kindling")
    .description("Fine-tune torchvision's networks on pictures of your own, and use them.")
    .version(version)
    .showHelpAfterError("(--help lists the options)")
    .exitOverride();

  program
    .command("finetune")
    .description("train a network on a folder of pictures")
    .argument("<folder>", "holds train/ and val/, or one folder a class (then split 80/20)")
    .requiredOption("--model <name>", "a torchvision classifier, e.g. resnet18")
    .option("--weights <file>", "its pretrained weights, a .pth (without: from scratch)")
    .option("--out <dir>", "where the results go", "runs/finetune")
    .option("--freeze", "train only the new last layer", false)
    .option("--no-freeze", "train all layers (the default)")
    .option("--epochs <n>", "passes over the pictures", wholeFrom(1), 5)
    .option("--batch-size <n>", "pictures in a step", wholeFrom(1), 32)
    .option("--lr <rate>", "learning rate", positive, 0.01)
    .option("--momentum <m>", "of SGD", notNegative, 0.9)
    .option("--weight-decay <w>", "L2 penalty", notNegative, 0)
    .addOption(
      new Option("--schedule <name>", "of the learning rate over the epochs").choices(SCHEDULES).default("constant"),
    )
    .option("--size <pixels>", "height and width of what the network sees", wholeFrom(1), 224)
    .addOption(
      new Option("--augment <recipe>", "flip: the whole picture, mirrored or not; imagenet: random crops, too")
        .choices(AUGMENTATIONS)
        .default("flip"),
    )
    .option("--seed <n>", "decides everything random", wholeFrom(0), 0)
    .option("--workers <n>", "pictures decoded at the same time", wholeFrom(0), 2)
    .option("--skip-bad", "leave out pictures that cannot be read", false)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(noRevectorizeOption())
    .action(async (folder: string, options) => {
      const { finetuneCommand } = await import("./commands/finetune.js");
      finish(await finetuneCommand({ folder, ...options }));
    });

  program
    .command("predict")
    .description("say what is on pictures")
    .argument("<image...>", "image files")
    .requiredOption("--checkpoint <dir>", "the folder that finetune has written")
    .option("--top <n>", "classes shown for each picture", wholeFrom(1), 3)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(noRevectorizeOption())
    .action(async (images: string[], options) => {
      const { predictCommand } = await import("./commands/predict.js");
      finish(await predictCommand(images, options));
    });

  program
    .command("inspect")
    .description("list what is in a .pth or .safetensors file, without loading it")
    .argument("<file>", "its path or address, or that of a .safetensors.index.json")
    .option("--json", "as data", false)
    .action(async (file: string, options) => {
      const { inspectCommand } = await import("./commands/inspect.js");
      finish(await inspectCommand(file, options));
    });

  program
    .command("doctor")
    .description("say what can compute here, and what to install so that more can")
    .option("--json", "as data", false)
    .action(async (options) => {
      const { doctorCommand } = await import("./commands/doctor.js");
      finish(await doctorCommand(options));
    });

  program
    .command("bench")
    .description("run the benchmarks, inside a clone of the repository")
    .argument("[options...]", "for the benchmark runner")
    .helpOption(false)
    .allowUnknownOption()
    .action(async (_options: string[], _values, command: Command) => {
      const { benchCommand } = await import("./commands/bench.js");
      finish(await benchCommand(command.args));
    });

  return program;
}
