import { defineHandler, type JobConfig } from 'cloud-jobs';

export default defineHandler({
  run: async (config: JobConfig, context) => {
    console.log(`Hello, ${config.who}!`);
    context.progress(1, 1, 'greeted');
    return { greeted: config.who ?? 'nobody', attempt: context.attempt };
  },
});
