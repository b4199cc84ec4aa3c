#!/usr/bin/env node
// The command. It is not built, so that package managers can link it before the first build.
import "../dist/main.js";
