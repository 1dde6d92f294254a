import { http } from '@google-cloud/functions-framework';
import { createHandler } from 'cloud-jobs/google-cloud';

http('worker', createHandler({ handlers: 'handlers', timeoutSeconds: 300 }));
