import { keysAt } from '../../apps/agent/src/fake-hub/case.fixture.js';
import { bodyOf, eventually, type TestAgent } from '../../apps/agent/src/fake-hub/test-agent.fixture.js';
import { register } from '../../deploy/src/demo/onboarding.js';
import type { RunningHub } from './running-hub.js';

/** Check digits verified; nobody compared these with the Business Information System. */
const businessIds: Readonly<Record<string, string>> = {
  K: '0203026-2',
  H: '3221347-3',
  T: '0101263-6',
  L: '0246246-0',
  A: '0245437-2',
};

/** Agencies with their agents are onboarded at a running hub; the first makes the pseudonym key, the others get it. */
export async function joinHub(
  hub: RunningHub,
  agents: readonly (readonly [agency: string, agent: TestAgent])[],
): Promise<void> {
  for (const [id, agent] of agents) await joinAlone(hub, id, agent);
  const [[first, maker] = ['', undefined], ...others] = agents;
  await maker?.system(first).post('/v1/onboarding/pseudonym-key').expect(201);
  for (const [agency, agent] of others) {
    await eventually(`${agency} can be written to`, async () => {
      const answer = await maker?.system(first).post('/v1/onboarding/pseudonym-key/share', { agency });
      return answer?.status === 202 ? true : undefined;
    });
    await eventually(`${agency} has the pseudonym key`, async () =>
      (await keysAt(agent, agency)).find(({ use }) => use === 'pseudonym'),
    );
  }
}

/** An agency with its agent is onboarded, without the pseudonym key: it exchanges nothing about persons. */
export async function joinAlone(hub: RunningHub, id: string, agent: TestAgent): Promise<void> {
  const made = await bodyOf<{ firstKeyThumbprint: string }>(agent.system(id).post('/v1/onboarding/keys').expect(201));
  // Authorities that only supervise are not in the reference data.
  const names = id.startsWith('A-') ? { nameFi: id, nameSv: id } : {};
  const joining = { id, businessId: businessIds[id.charAt(0)] ?? '', telephone: `${id} 1`, ...names };
  await register(hub.addresses.directoryGrpc, joining, made.firstKeyThumbprint);
  await agent.onboard(id);
}
