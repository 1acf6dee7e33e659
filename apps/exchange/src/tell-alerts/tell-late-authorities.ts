import type { Database } from '#platform';
import type { TellAlerts } from './tell-alerts.js';

/** Tells who has joined since of the alerts that are still open. */
export class TellLateAuthorities {
  constructor(
    private readonly database: Database,
    private readonly alerts: TellAlerts,
    private readonly afterCommit: () => void,
  ) {}

  async run(): Promise<void> {
    if (!(await this.alerts.isDue(this.database))) return;
    await this.database.transaction((client) => this.alerts.tellUntold(client));
    this.afterCommit();
  }
}
