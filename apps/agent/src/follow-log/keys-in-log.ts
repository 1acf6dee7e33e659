import { LoggedKeys } from '#envelope';

/** The keys as far as the log has been followed; replaced as a whole when the agent starts. */
export class KeysInLog {
  current = new LoggedKeys();
}
