export const auditSchema = 'audit';
