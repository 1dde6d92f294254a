/** Checks the examples for Kubernetes against the schemas of its API. */
import { readFileSync } from 'node:fs';
import { Deployment } from 'kubernetes-models/apps/v1';
import { CronJob } from 'kubernetes-models/batch/v1';
import { parse } from 'yaml';

for (const [name, Kind] of Object.entries({ deployment: Deployment, cronjob: CronJob })) {
  const path = `examples/kubernetes/${name}.yaml`;
  new Kind(parse(readFileSync(path, 'utf8'))).validate();
  console.log(`${path} fits its schema`);
}
