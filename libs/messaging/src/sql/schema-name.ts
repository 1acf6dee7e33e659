/** A schema name that needs no quoting, because statements are put together with it. */
export function schemaName(schema: string): string {
  if (!/^[a-z_][a-z0-9_]{0,40}$/.test(schema)) throw new TypeError(`not a plain schema name: ${schema}`);
  return schema;
}
