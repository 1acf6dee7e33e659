import { importSigningKey } from '#envelope';
import { AppError, systemClock } from '#kernel';
import { InMemoryLog, Outbox, OutboxRelay } from '#messaging';
import { Database, SnapshotView } from '#platform';
import { ActOnConsent } from '../act-on-consent/act-on-consent.handler.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { SCHEMA } from '../infra/database.js';
import { PermitRelease } from '../permit-release/permit-release.handler.js';
import type { ConsentProcessAnswer, ConsentProcessCall, ConsentProcessSetup } from './consent-process.fixture.js';

// What ConsentProcess starts. The first message says over what; it ends with its parent.

const tell = (message: ConsentProcessAnswer | { readonly ready: true }): void => {
  process.send?.(message);
};

process.once('message', (setup: ConsentProcessSetup) => void serve(setup));

async function serve({ databaseUrl, permitKey, snapshot }: ConsentProcessSetup): Promise<void> {
  const database = new Database(databaseUrl, { max: 4 });
  const directory = new SnapshotView(snapshot);
  const relay = new OutboxRelay({ pool: database.pool, schema: SCHEMA, log: new InMemoryLog([]) });
  const key = await importSigningKey(permitKey);
  // The log is not what is raced for here.
  const replay = { assertCaughtUp: () => undefined };
  const permits = new PermitRelease(database, directory, new CatalogueView(directory), key, replay, systemClock);
  const acts = new ActOnConsent(database, directory, new Outbox(SCHEMA), relay, systemClock);

  const answer = async (call: ConsentProcessCall): Promise<ConsentProcessAnswer> => {
    if ('permit' in call) return { id: call.id, permits: await permits.permit(call.permit) };
    const { effectiveAt } = await acts.act(call.act.agency, call.act.token);
    return { id: call.id, effectiveAt };
  };
  process.on('message', (call: ConsentProcessCall) => {
    answer(call).then(tell, (error: unknown) =>
      tell({ id: call.id, failure: error instanceof AppError ? error.code : String(error) }),
    );
  });
  process.on('disconnect', () => void database.close());
  tell({ ready: true });
}
