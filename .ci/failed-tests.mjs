// Prints the failed tests of a JSON report of vitest, each with the first lines of its error, for the end of a CI log.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const file of report.testResults) {
  const failed = file.assertionResults.filter((test) => test.status === 'failed');
  const faults = failed.map((test) => ({ name: test.fullName, text: test.failureMessages.join('\n') }));
  if (failed.length === 0 && file.status === 'failed')
    faults.push({ name: '(the file)', text: file.message });
  for (const { name, text } of faults) {
    const lines = text
      .split('\n')
      .slice(0, 12)
      .map((line) => `        ${line}`);
    console.log([`    ${file.name.split('/').slice(-3).join('/')} > ${name}`, ...lines].join('\n'));
  }
}
