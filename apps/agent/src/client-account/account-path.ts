/** Below it lies all that an agency opens to the public; the rest of the agent's API stays inside. */
export const ACCOUNT_PATH = 'v1/account';
