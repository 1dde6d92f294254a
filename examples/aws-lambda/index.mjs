import { createHandler } from 'cloud-jobs/aws-lambda';

export const handler = createHandler({ handlers: 'handlers' });
