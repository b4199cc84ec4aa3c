// The process in which a checkpoint workload is the first thing done: prints milliseconds, unless the whole process is
// what is timed.

import type { CheckpointTask } from "../peers/tasks.js";
import { perform } from "./checkpoint-actions.js";

const task = JSON.parse(process.argv[2]) as CheckpointTask;
const start = performance.now();
await perform(task);
if (task.process === "first") console.log(performance.now() - start);
