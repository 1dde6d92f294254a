#!/usr/bin/env node
import { runTerminal } from './command-line.ts';

// The door from a terminal.
process.exitCode = await runTerminal(process.argv, process.env);
process.stdout.write('', () => process.exit());
