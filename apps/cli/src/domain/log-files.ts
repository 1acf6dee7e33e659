/** A log in the layout of C2SP tlog-tiles, wherever it lies: a folder, a URL, a database. */
export interface LogFiles {
  /** `checkpoint`, a tile or an entry bundle by its path; undefined where there is none. */
  read(path: string): Promise<Buffer | undefined>;
}

/** Files beside the tiles. `checkpoint` and the tiles are as C2SP names them; the others are ours. */
export const checkpointFile = 'checkpoint';
/** The newest checkpoint that enough witnesses cosigned, where the log has one. */
export const cosignedFile = 'checkpoint.cosigned';
export const verifierKeyFile = 'log.vkey';
export const bodiesFile = 'bodies.jsonl';
