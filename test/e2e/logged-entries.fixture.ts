import { parseLogBody } from '#envelope';
import { newEventId, unwrap } from '#kernel';
import { prepareOpaque } from '../../apps/audit/src/append-entries/prepared-entry.js';
import { plainProposal } from '../../apps/audit/src/append-entries/proposal.js';
import { type AuditGround, AuditInstance } from '../../apps/audit/src/testing/audit.fixture.js';
import { directoryOf } from '../../apps/audit/src/testing/parties.fixture.js';

const together = 100;

/** The service's own appender puts so many opaque entries into the log, a hundred to a checkpoint. */
export async function logOf(ground: AuditGround, size: number): Promise<void> {
  const instance = await AuditInstance.start(ground, directoryOf([]));
  for (let entries = 0; entries < size; entries += together) {
    const batch = Array.from({ length: together }, () => {
      const eventId = newEventId();
      const body = { v: 1, eventId, type: 'message-delivered', at: new Date().toISOString(), assertedBy: 'hub' };
      return prepareOpaque(unwrap(parseLogBody(body)), ground.kek);
    });
    await instance.appender.append(plainProposal(batch));
  }
  await instance.stop();
}

/** What the tree hashes, in its order. */
export async function entriesOf(ground: AuditGround): Promise<Buffer[]> {
  const text = 'SELECT entry FROM audit.entry ORDER BY leaf_index';
  const { rows } = await ground.owner((client) => client.query<{ entry: Buffer }>(text));
  return rows.map(({ entry }) => entry);
}
