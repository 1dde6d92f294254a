// Stands in the bundle for what @actions/core takes to ask GitHub for identity tokens (an HTTP client with a fetch of
// its own, 1 MB) and to look at the operating system. It would be loaded with every run that writes an output or a
// summary; the action asks for neither.
const leftOut = () => {
  throw new Error('This part of @actions/core is not in the bundle.');
};

export const HttpClient = leftOut;
export const BearerCredentialHandler = leftOut;
export const getExecOutput = leftOut;
